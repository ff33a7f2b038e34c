"""LaSeRS: instructions of many kinds, answered by one mask or several."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError, SampleError
from harness.masks import from_json, union
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.segmentations import size_class
from harness.readers.tables import Row, Shape, load_list, missing
from harness.records import Mask, Sample, Target

ENTRY = Shape(id=(str, int), image_name=(str,), description=(str,), answer=(str,))


@dataclass(frozen=True)
class LasersReader:
    """Reads one split of LaSeRS (SegEarth-R2, 2025), as the authors' loader does.

    `{split}/annotations` holds one list or several, as JSON; each entry has an `id`, an `image_name` below
    `{split}/images`, a `description` (the instruction), an `answer` with [SEG] for each mask, and `mask`, a list of
    COCO run-length encodings. An entry without masks, as in the competition's test set, is a `defect`.

    One sample is one entry: id `list/id`; field `instruction`; the answer; its masks; tags `subset` (the list's stem),
    `targets` and `size`.

    Attributes:
        split: the folder of the split.
    """

    split: str = "test"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the entries, list by list in the order of their names.

        Raises:
            MissingDataError: a folder is absent.
            DataError: there is no list, or entries contradict the format; all of a list, by index and field.
        """
        folder = below(root, self.split, "annotations")
        if not folder.is_dir():
            raise missing(folder, "the folder of the split's lists")
        names = sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".json")
        if not names:
            raise DataError(f"{folder} holds no list that ends in .json.")
        gallery = Gallery(root, f"{self.split}/images")
        for name in names:
            for entry in _entries(below(folder, name)):
                yield _sample(Path(name).stem, entry, gallery)


def _entries(path: Path) -> list[Row]:
    return load_list(path, "instructions and masks", ENTRY.fits, of="entries")


def _sample(subset: str, entry: Row, gallery: Gallery) -> Sample:
    image = gallery.find(entry["image_name"], entry["image_name"])
    masks, defect = _masks(entry)
    return Sample(
        id=f"{subset}/{entry['id']}",
        images=image.images,
        fields={"instruction": entry["description"].strip()},
        target=Target(texts=(entry["answer"],), masks=masks),
        tags={
            "subset": subset,
            "targets": str(len(masks)),
            "size": size_class(union(masks)) if masks else "unknown",
        },
        defect=image.defect or defect,
    )


def _masks(entry: Row) -> tuple[tuple[Mask, ...], str | None]:
    found: Any = entry.get("mask")
    if not isinstance(found, list) or not found:
        return (), f"entry {entry['id']} has no list `mask`: without true masks it cannot be scored"
    try:
        masks = tuple(map(from_json, found))
        if len({mask.size for mask in masks}) > 1:
            raise SampleError("its masks differ in size")
    except SampleError as error:
        return (), f"entry {entry['id']}: {error}"
    return masks, None
