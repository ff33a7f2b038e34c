"""Referring segmentation as lists of phrases: one line an image, its name and what is to be marked."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DataError, SampleError
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.mask_files import mask_at
from harness.readers.segmentations import size_class
from harness.readers.tables import Problems, missing
from harness.records import Mask, Sample, Target


@dataclass(frozen=True)
class PhrasesReader:
    """Reads RefSegRS (Yuan et al., LGCE, TGRS 2024) and data sets laid out like it, RISBench for one.

    `{phrases}` holds lines of an image's name, a space and a phrase. The image is `{images}/{name}`, its mask the
    picture of the same name below `{masks}`: what is not black is the target. Blank lines are skipped.

    One sample is one line: its id is the image's name, with `-2`, `-3`, .. for further lines of one image; field
    `expression`, tag `size`, as with the reader `refer`. A mask or image that cannot be used makes a `defect`.

    Attributes:
        split: the split, which stands in the list's name.
        phrases: the list's name; `{split}` in it is the split.
        images: the folder of the images.
        masks: the folder of the masks.
        extension: the ending of the pictures' names; empty where the lines have it.
    """

    split: str = "test"
    phrases: str = "output_phrase_{split}.txt"
    images: str = "images"
    masks: str = "masks"
    extension: str = "tif"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the lines in the list's order.

        Raises:
            MissingDataError: the list or a folder is absent.
            DataError: lines without a phrase; all of them, by number.
        """
        lines = self._lines(below(root, self.phrases.replace("{split}", self.split)))
        images, masks = Gallery(root, self.images), Gallery(root, self.masks)
        seen: Counter[str] = Counter()
        for name, phrase in lines:
            seen[name] += 1
            yield self._sample(name if seen[name] == 1 else f"{name}-{seen[name]}", name, phrase, images, masks)

    def _lines(self, path: Path) -> list[tuple[str, str]]:
        if not path.is_file():
            raise missing(path, "the list of phrases")
        try:
            content = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read as text in UTF-8: {error}") from error
        problems, found = Problems(path), []
        for number, line in enumerate(content.split("\n"), 1):
            name, _, phrase = line.strip().partition(" ")
            if name and not phrase.strip():
                problems.add(f"line {number}", f"expected an image's name, a space and a phrase, found {name[:40]!r}")
            elif name:
                found.append((name, phrase.strip()))
        problems.settle()
        if not found:
            raise DataError(f"{path} has no line.")
        return found

    def _sample(self, sample_id: str, name: str, phrase: str, images: Gallery, masks: Gallery) -> Sample:
        file = f"{name}.{self.extension}" if self.extension else name
        image = images.find(name, file)
        mask, defect = _mask(masks, name, file)
        return Sample(
            id=sample_id,
            images=image.images,
            fields={"expression": phrase},
            target=Target(masks=(mask,) if mask else ()),
            tags={"size": size_class(mask) if mask else "unknown"},
            defect=image.defect or defect,
        )


def _mask(masks: Gallery, name: str, file: str) -> tuple[Mask | None, str | None]:
    try:
        return mask_at(masks, name, file), None
    except SampleError as error:
        return None, f"image {name}: {error}"
