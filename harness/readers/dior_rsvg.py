"""DIOR-RSVG: one XML file an image in Pascal VOC's manner, and lists of running object numbers as splits."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.boxes import area, size_class
from harness.errors import DataError
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.tables import Problems, missing
from harness.records import Box, Sample, Target

CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class DiorRsvgReader:
    """Reads one split of DIOR-RSVG (Zhan et al., IEEE TGRS 2023), as downloaded.

    `{split}.txt` holds one number a line: a running number over the objects of all XML files, sorted by name. The
    authors' loader (ZhanYang-nwpu/RSVG-pytorch data_loader.py) takes an object's third child as its box and the fourth
    as its description; here they are found by their names, `bndbox` and `description`, which stand there.

    One sample is one object: id its running number, field `expression`, tags `category`, `size` (COCO's limits on the
    box's area) and `unique` (`yes` where no other object of the file has its category).

    Attributes:
        split: the split, `test` for example.
        annotations: the folder of the XML files.
        images: the folder of the images.
    """

    split: str = "test"
    annotations: str = "Annotations"
    images: str = "JPEGImages"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the split's objects by growing running number, one XML file in memory at a time.

        Raises:
            MissingDataError: the list, or a folder, is absent.
            DataError: the list holds something else than numbers, or numbers beyond the last object; an XML file is
                damaged.
        """
        wanted = self._wanted(root)
        folder = below(root, self.annotations)
        if not folder.is_dir():
            raise missing(folder, "the folder of the XML files")
        gallery = Gallery(root, self.images)
        number = 0
        for file in sorted(folder.glob("*.xml")):
            tree = _parsed(file)
            objects = tree.findall("object")
            numbers = range(number, number + len(objects))
            number += len(objects)
            categories = Counter(_text(found, "name") for found in objects)
            for index, found in zip(numbers, objects, strict=True):
                if index in wanted:
                    yield _sample(index, found, categories, _text(tree, "filename") or f"{file.stem}.jpg", gallery)
        self._check_reached(root, wanted, number)

    def _wanted(self, root: Path) -> frozenset[int]:
        path = below(root, f"{self.split}.txt")
        if not path.is_file():
            raise missing(path, "the split's list of object numbers")
        problems, found = Problems(path), []
        for line, text in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if text.strip().isdecimal():
                found.append(int(text))
            elif text.strip():
                problems.add(f"line {line}", f"expected an object's number, found {text.strip()[:40]!r}")
        repeated = [number for number, times in Counter(found).items() if times > 1]
        for number in repeated:
            problems.add("", f"the number {number} stands more than once")
        problems.settle()
        return frozenset(found)

    def _check_reached(self, root: Path, wanted: frozenset[int], count: int) -> None:
        beyond = sorted(number for number in wanted if number >= count)
        if beyond:
            raise DataError(
                f"{root / f'{self.split}.txt'}: {len(beyond)} numbers, {beyond[0]} for example, are beyond the {count} "
                f"objects of the XML files in {root / self.annotations}. Are all of them there? Take the lists and the "
                "annotations of one release (the authors replaced both on 10 April 2023)."
            )


def _parsed(file: Path) -> Any:
    # Entities that blow up, or reach for other files, are refused.
    from defusedxml import DefusedXmlException, ElementTree  # noqa: PLC0415 - only this reader needs it

    try:
        return ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise DataError(f"{file}: not usable XML: {error}. Fetch the annotations again.") from error


def _text(element: Any, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _sample(index: int, found: Any, categories: Counter[str], file_name: str, gallery: Gallery) -> Sample:
    category, expression = _text(found, "name"), _text(found, "description")
    image = gallery.find(file_name, file_name)
    box, defect = _box(found)
    if not expression:
        defect = defect or "it has no description"
    return Sample(
        id=str(index),
        images=image.images,
        fields={"expression": expression},
        target=Target(boxes=(box,) if box else ()),
        tags={
            "category": category or "unknown",
            "size": size_class(area(box)) if box else "unknown",
            "unique": "yes" if categories[category] == 1 else "no",
        },
        defect=f"object {index}: {defect}" if defect else image.defect,
    )


def _box(found: Any) -> tuple[Box | None, str | None]:
    """The box of an object, or why there is none."""
    texts = {corner: _text(found, f"bndbox/{corner}") for corner in CORNERS}
    try:
        x0, y0, x1, y1 = (float(int(texts[corner])) for corner in CORNERS)
    except ValueError:
        return None, f"its bndbox has no four whole numbers, found {texts}"
    if x1 <= x0 or y1 <= y0:
        return None, f"its bndbox has no area: {texts}"
    return (x0, y0, x1, y1), None
