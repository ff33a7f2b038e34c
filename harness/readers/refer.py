"""The REFER format of referring segmentation (Kazemzadeh et al., EMNLP 2014), as RRSIS-D and its relatives use it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DataError, SampleError, nearest
from harness.masks import empty, union
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.segmentations import Overlap, mask_of, size_class
from harness.readers.tables import Problems, Row, Shape, describe, load, missing, rows
from harness.records import Mask, Sample, Target
from harness.unpickle import load_plain

NO_TARGET = -1
REFERENCE = Shape(ref_id=(int,), ann_id=(int, list), image_id=(int,), split=(str,), sentences=(list,))
RAW_SENTENCE = Shape(sent_id=(int,), raw=(str,))
SENTENCE = Shape(sent_id=(int,), sent=(str,))
INSTANCES = {
    "images": Shape(id=(int,), file_name=(str,), height=(int,), width=(int,)),
    "annotations": Shape(id=(int,), category_id=(int,), segmentation=(list, dict)),
    "categories": Shape(id=(int,), name=(str,)),
}


@dataclass(frozen=True)
class ReferReader:
    """Reads one split of a data set in the REFER format.

    `{dataset}/refs({split_by}).p` holds the references, a pickle that is read without running it, or JSON;
    `{dataset}/instances.json` the images, categories and masks. A mask may be a run-length encoding, a list of them, or
    a list of polygons, which pycocotools fills as REFER's own code does.

    One sample is one sentence of one reference: id `ref_id-sent_id`, field `expression` (the sentence as written), tags
    `category` and `size`: `small` below 32 x 32 pixels of mask, `medium` below 96 x 96, else `large`, COCO's limits
    taken at the image's own resolution. A mask that cannot be used, or is not of its image's size, makes a `defect`.

    A generalised reference (gRefCOCO; Liu et al., GRES, CVPR 2023) has a list of annotations in the place of one:
    several targets, or none, an empty list or -1. Its sample has one true mask a target, or one without a pixel, and
    the tag `targets` with their number; `category` and `size` are `none` where there is no target.

    Attributes:
        dataset: the folder of the two files.
        split: the split, `test` for example.
        split_by: who made the splits, as in the name of the references' file.
        images: the folder of the images.
        references: the file of the references, `{split_by}` in it being who made the splits.
        overlap: what becomes of pixels that lie in several parts of one mask: `union` keeps them; `rmsin` makes them
            background, as the loader of RMSIN and LAVT does (it keeps the pixels where the parts' sum is 1).
        tags: further tags, each with the key of a reference that holds its value.
    """

    dataset: str
    split: str = "test"
    split_by: str = "unc"
    images: str = "images"
    references: str = "refs({split_by}).p"
    overlap: Overlap = "union"
    tags: Mapping[str, str] = field(default_factory=dict)

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the split's sentences in the files' order.

        Raises:
            MissingDataError: a file or the folder of images is absent.
            DataError: rows contradict the format (all that a file has wrong, by index and field), the pickle asks to
                run code, or the split has no reference.
        """
        references = self._references(below(root, self.dataset, self.references.replace("{split_by}", self.split_by)))
        instances = _Instances.load(below(root, self.dataset, "instances.json"))
        gallery = Gallery(root, self.images)
        for reference in references:
            yield from self._sentences(reference, instances, gallery)

    def _references(self, path: Path) -> list[Row]:
        if not path.is_file():
            raise missing(path, "the references of the data set")
        what = "the references of the data set"
        content, problems = load(path, what) if path.suffix == ".json" else load_plain(path), Problems(path)
        if not isinstance(content, list):
            problems.add("", f"expected a list of references, found {describe(content)}")
        problems.settle()
        found = [row for index, row in enumerate(content) if self._is_reference(row, f"refs[{index}]", problems)]
        _check_ids(found, problems)
        problems.settle()
        wanted = [row for row in found if row["split"] == self.split]
        if not wanted:
            splits = {row["split"] for row in found}
            raise DataError(
                f"{path} has no reference of the split {self.split!r}.{nearest(self.split, splits)} "
                f"Splits there: {', '.join(sorted(splits)) or 'none'}."
            )
        return wanted

    def _is_reference(self, row: Any, place: str, problems: Problems) -> bool:
        if not _is_reference(row, place, problems):
            return False
        for key in self.tags.values():
            if not isinstance(row.get(key), str | int):
                problems.add(
                    f"{place}.{key}", f"expected text or a whole number for a tag, found {describe(row.get(key))}"
                )
        return True

    def _sentences(self, reference: Row, instances: "_Instances", gallery: Gallery) -> Iterator[Sample]:
        image = instances.images.get(reference["image_id"])
        found = gallery.find(str(image["id"]), image["file_name"]) if image else None
        masks, defect = self._masks(reference, image, instances)
        for sentence in reference["sentences"]:
            yield Sample(
                id=f"{reference['ref_id']}-{sentence['sent_id']}",
                images=found.images if found else (),
                fields={"expression": sentence.get("raw") or sentence["sent"]},
                target=Target(masks=masks),
                tags=_tags(reference, masks, instances)
                | {name: str(reference[key]) for name, key in self.tags.items()},
                defect=defect or (found.defect if found else None),
            )

    def _masks(self, reference: Row, image: Row | None, instances: "_Instances") -> tuple[tuple[Mask, ...], str | None]:
        """The masks of a reference, or why there are none."""
        name = f"reference {reference['ref_id']}"
        if image is None:
            return (), f"{name}: its image {reference['image_id']} is not in instances.json"
        size, masks = (image["height"], image["width"]), []
        for number in _targets(reference):
            annotation = instances.annotations.get(number)
            if annotation is None:
                return (), f"{name}: its annotation {number} is not in instances.json"
            try:
                masks.append(mask_of(annotation["segmentation"], size, self.overlap))
            except SampleError as error:
                return (), f"{name}: annotation {annotation['id']}: {error}"
        return tuple(masks) or (empty(size),), None


def _targets(reference: Row) -> list[int]:
    """The annotations that a reference means; none where it means nothing in the image."""
    found = reference["ann_id"]
    return [number for number in found if number != NO_TARGET] if isinstance(found, list) else [found]


def _tags(reference: Row, masks: tuple[Mask, ...], instances: "_Instances") -> dict[str, str]:
    numbers = _targets(reference)
    categories = sorted({instances.category(instances.annotations.get(number)) for number in numbers})
    size = (size_class(union(masks)) if numbers else "none") if masks else "unknown"
    tags = {"category": ", ".join(categories) or "none", "size": size}
    return {**tags, "targets": str(len(numbers))} if isinstance(reference["ann_id"], list) else tags


def _is_reference(row: Any, place: str, problems: Problems) -> bool:
    if not REFERENCE.fits(row, place, problems):
        return False
    if isinstance(row["ann_id"], list) and not all(type(number) is int for number in row["ann_id"]):
        problems.add(f"{place}.ann_id", "expected whole numbers in the list")
        return False
    if not row["sentences"]:
        problems.add(f"{place}.sentences", "expected at least one sentence, found an empty list")
        return False
    good = [
        _sentence_shape(sentence).fits(sentence, f"{place}.sentences[{index}]", problems)
        for index, sentence in enumerate(row["sentences"])
    ]
    return all(good)


def _sentence_shape(sentence: Any) -> Shape:
    return RAW_SENTENCE if isinstance(sentence, dict) and "raw" in sentence else SENTENCE


def _check_ids(references: Iterable[Row], problems: Problems) -> None:
    ids = Counter((row["ref_id"], sentence["sent_id"]) for row in references for sentence in row["sentences"])
    for (reference, sentence), times in ids.items():
        if times > 1:
            problems.add("", f"reference {reference} with sentence {sentence} stands {times} times")


@dataclass(frozen=True)
class _Instances:
    """What instances.json holds, each by its id."""

    images: Mapping[int, Row]
    annotations: Mapping[int, Row]
    categories: Mapping[int, Row]

    @classmethod
    def load(cls, path: Path) -> "_Instances":
        content, problems = load(path, "the masks of the data set"), Problems(path)
        tables = {kind: _by_id(rows(content, kind, problems), kind, problems) for kind in INSTANCES}
        problems.settle()
        return cls(**tables)

    def category(self, annotation: Row | None) -> str:
        category = self.categories.get(annotation["category_id"]) if annotation else None
        return str(category["name"]) if category else "unknown"


def _by_id(found: Iterable[Any], kind: str, problems: Problems) -> dict[int, Row]:
    shape = INSTANCES[kind]
    return {row["id"]: row for index, row in enumerate(found) if shape.fits(row, f"{kind}[{index}]", problems)}
