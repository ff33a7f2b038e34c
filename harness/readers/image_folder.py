"""A folder of classes, each a folder of images: how scene classification keeps its data."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from harness.errors import ConfigurationError, DataError, nearest
from harness.parsers.names import words_of
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.tables import Problems, missing
from harness.records import Sample, Target


@dataclass(frozen=True)
class ImageFolderReader:
    """Reads images that lie in a folder of their class: `{folder}/{class}/{image}`.

    A sample's id and its image's id are `class/image`, as the folder is called. It has the field `classes`, the names
    of all classes, one a line, the right class's name as its answer, and the tag
    `class`.

    Attributes:
        classes: the classes' folders, in the order in which prompts list them; other folders are refused. Where empty,
            the folders that are there, by name.
        names: a class's folder to its name in words, where that is not the folder's own (`DenseResidential` is "dense
            residential").
        folder: the folder of the classes.
        extensions: endings of the images; other files are passed over.
        split_list: a file below the data set's folder that names the images to take, one a line: `class/image`, or
            `image` alone, which then is in one class only or begins with its class's name; all images where empty.
        per_class: at most so many images of each class, the first by name; all where 0.
    """

    classes: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    folder: str = "."
    extensions: Sequence[str] = ("jpg", "jpeg", "png", "tif", "tiff")
    split_list: str = ""
    per_class: int = 0

    def __post_init__(self) -> None:
        if self.per_class < 0:
            raise ConfigurationError(f"`per_class` must not be negative; found {self.per_class}")

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the images class by class, each class's by name; with a list, in the list's order.

        Raises:
            MissingDataError: the folder, or the list, is absent.
            DataError: the folder holds a class that the task does not name, or a link that leads outside, or the list
                names an image that is not there; all of them.
        """
        place = below(root, self.folder)
        if not place.is_dir():
            raise missing(place, "a folder for each class")
        images = {name: self._images(below(root, self.folder, name)) for name in self._folders(place)}
        wanted = _listed(below(root, self.split_list), images) if self.split_list else _all(images)
        galleries = {name: Gallery(root, f"{self.folder}/{name}") for name in images}
        classes = "\n".join(map(self._name, self.classes or images))
        for class_folder, image in self._limited(wanted):
            name = f"{class_folder}/{image}"
            found = galleries[class_folder].find(name, image)
            yield Sample(
                id=name,
                images=found.images,
                fields={"classes": classes},
                target=Target(texts=(self._name(class_folder),)),
                tags={"class": self._name(class_folder)},
                defect=found.defect,
            )

    def _name(self, class_folder: str) -> str:
        return self.names.get(class_folder) or words_of(class_folder)

    def _folders(self, place: Path) -> Sequence[str]:
        present = sorted(entry.name for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        if not self.classes:
            return present
        problems = Problems(place)
        for name in present:
            if name not in self.classes:
                problems.add(name, f"no class of this task is called so.{nearest(name, self.classes)}")
        problems.settle()
        return [name for name in self.classes if name in present]

    def _images(self, folder: Path) -> Sequence[str]:
        endings = tuple(f".{extension.lower()}" for extension in self.extensions)
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name.lower().endswith(endings))

    def _limited(self, images: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        taken: dict[str, int] = {}
        for name, image in images:
            taken[name] = taken.get(name, 0) + 1
            if not self.per_class or taken[name] <= self.per_class:
                yield name, image


def _all(images: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    return ((name, image) for name, members in images.items() for image in members)


def _listed(path: Path, images: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The images that a file lists, each with the folder of its class."""
    if not path.is_file():
        raise missing(path, "the list of the split's images")
    places: dict[str, list[str]] = {}
    for name, image in _all(images):
        places.setdefault(image, []).append(name)
    problems, found = Problems(path), []
    for number, line in enumerate(_lines(path), 1):
        if not (text := line.strip()):
            continue
        where = _place(PurePosixPath(text), images, places)
        if isinstance(where, str):
            problems.add(f"line {number}", where)
        else:
            found.append(where)
    problems.settle()
    return iter(found)


def _lines(path: Path) -> Sequence[str]:
    try:
        return path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _place(
    path: PurePosixPath, images: Mapping[str, Sequence[str]], places: Mapping[str, Sequence[str]]
) -> tuple[str, str] | str:
    """Where a listed image is, or why that cannot be said."""
    candidates = places.get(path.name, [])
    if len(path.parts) > 1:
        candidates = [name for name in candidates if name == path.parent.name]
    elif len(candidates) > 1:
        candidates = [name for name in candidates if path.name.lower().startswith(name.lower())] or candidates
    if len(candidates) == 1:
        return candidates[0], path.name
    if candidates:
        return f"{path} is in several classes: {', '.join(candidates)}. List it as class/image"
    some = ", ".join(islice(images, 3))
    return f"{path} is in no folder of a class ({some}, ..).{nearest(path.name, places) if len(places) < 5000 else ''}"
