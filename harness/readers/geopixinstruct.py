"""GeoPixInstruct: objects of aerial images, each with a description, a box and a mask."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import DataError, SampleError
from harness.masks import box_of, from_json, union
from harness.paths import below
from harness.readers.gallery import Found, Gallery
from harness.readers.rows_of_files import rows_of
from harness.readers.segmentations import size_class
from harness.readers.tables import Problems, Row, Shape, missing
from harness.records import Box, Mask, Sample, Target

IMAGE = Shape(image_id=(str,), image_path=(str,), instances=(list,))
OBJECT = Shape(instance_id=(str,), category=(str,), description=(str,), bbox=(list,), mask=(dict,))
ENOUGH = 1000
ENDINGS = (".parquet", ".json", ".jsonl")

Ask = Literal["single", "multi"]
Order = Literal["xyxy", "xywh"]


@dataclass(frozen=True)
class GeopixinstructReader:
    """Reads one split of GeoPixInstruct's annotations (Ou et al., GeoPix, IEEE GRSM 2025), as published or as JSON.

    `{folder}/{split}-*.parquet` (extra `data`), or `{split}.json` or `.jsonl` of the same rows: `image_id`,
    `image_path`, and `instances` with `instance_id`, `category`, `description`, `bbox` and `mask`, COCO's run-length
    encoding with its letters as text. The images are those of SAMRS and come from elsewhere: `image_path` is looked for
    below `images`, then its last part alone. An image that is not there makes its samples defects, which are counted.

    The card does not say whether a box is two corners or a corner with width and height: the order in which the boxes
    lie on their masks is taken, by the first thousand of the split that tell.

    `ask: single` gives one sample an object: its `instance_id` as id; fields `expression` (the description), `category`
    and `box`, GeoPix's `{<x0><y0><x1><y1>}` in hundredths of the image's sides; the description, mask and box as right
    answers; tags `category`, `size` and `targets`. `ask: multi` gives one sample an image with two objects or more:
    `expression` joins their descriptions with commas and "and"; masks, boxes and descriptions in the same order.

    Attributes:
        split: the split, `valid.SIOR_T` for example.
        folder: the folder of the annotations.
        images: the folder below which the images are.
        ask: what one sample asks for.
    """

    split: str
    folder: str = "data"
    images: str = "images"
    ask: Ask = "single"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the samples in the files' order; the files are gone through twice, a batch in memory at a time.

        Raises:
            MissingDataError: the split's files or the folder of images are absent.
            EnvironmentProblem: a parquet file is to be read without the extra `data`.
            DataError: rows contradict the format; all that are wrong, by row and field. Or the boxes lie on their
                masks in neither order.
        """
        files = self._files(below(root, self.folder))
        order = _checked(files)
        pictures = _Pictures(Gallery(root, self.images))
        for row in rows_of(files):
            found = pictures.find(row["image_id"], row["image_path"])
            yield from self._samples(row, found, order)

    def _files(self, folder: Path) -> list[Path]:
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        mine = [
            name
            for name in names
            if name.endswith(ENDINGS) and name.removesuffix(Path(name).suffix).partition("-")[0] == self.split
        ]
        if not mine:
            raise missing(folder / f"{self.split}-00000-of-00001.parquet", "the annotations of the split")
        return [below(folder, name) for name in mine]

    def _samples(self, row: Row, found: Found, order: Order) -> Iterator[Sample]:
        objects: list[tuple[Row, Mask | None, str | None]] = [(each, *_mask(each)) for each in row["instances"]]
        if self.ask == "single":
            yield from (_single(each, mask, defect, found, order) for each, mask, defect in objects)
        elif len(objects) > 1:
            yield _multi(row, objects, found, order)


def _mask(instance: Row) -> tuple[Mask | None, str | None]:
    try:
        return from_json(instance["mask"]), None
    except SampleError as error:
        return None, f"instance {instance['instance_id']}: {error}"


def _single(instance: Row, mask: Mask | None, defect: str | None, found: Found, order: Order) -> Sample:
    box = _corners(instance["bbox"], order)
    return Sample(
        id=instance["instance_id"],
        images=found.images,
        fields={
            "expression": instance["description"],
            "category": instance["category"],
            "box": _spoken(box, mask.size) if mask else "",
        },
        target=Target((instance["description"],), (mask,) if mask else (), (box,)),
        tags={"category": instance["category"], "size": size_class(mask) if mask else "unknown", "targets": "1"},
        defect=defect or found.defect,
    )


def _multi(row: Row, objects: Sequence[tuple[Row, Mask | None, str | None]], found: Found, order: Order) -> Sample:
    masks = tuple(mask for _, mask, _ in objects if mask)
    defect = next((defect for _, _, defect in objects if defect), found.defect)
    if len({mask.size for mask in masks}) > 1:
        defect = f"image {row['image_id']}: its masks differ in size"
    texts = tuple(instance["description"] for instance, _, _ in objects)
    return Sample(
        id=row["image_id"],
        images=found.images,
        fields={"expression": _joined(texts)},
        target=Target(texts, masks, tuple(_corners(instance["bbox"], order) for instance, _, _ in objects)),
        tags={"targets": _range(len(objects)), "size": "unknown" if defect else size_class(union(masks))},
        defect=defect,
    )


def _joined(texts: Sequence[str]) -> str:
    """Several descriptions as one phrase.

    >>> _joined(["a ship", "the quay.", "a crane"])
    'a ship, the quay and a crane'
    """
    bare = [text.strip().removesuffix(".") for text in texts]
    return f"{', '.join(bare[:-1])} and {bare[-1]}"


def _range(count: int) -> str:
    return str(count) if count < 4 else "4 to 6" if count < 7 else "7 or more"


def _corners(values: Sequence[float], order: Order) -> Box:
    a, b, c, d = map(float, values)
    return (a, b, c, d) if order == "xyxy" else (a, b, a + c, b + d)


def _spoken(box: Box, size: tuple[int, int]) -> str:
    height, width = size
    sides = (width, height, width, height)
    return "{" + "".join(f"<{int(100 * value / side)}>" for value, side in zip(box, sides, strict=True)) + "}"


@dataclass(frozen=True)
class _Pictures:
    """Images whose paths may be those of another machine."""

    gallery: Gallery

    def find(self, image_id: str, path: str) -> Found:
        """Returns the image at a path below the folder, or at its last part alone."""
        found = self.gallery.find(image_id, path)
        name = Path(path).name
        if found.defect and name != path and not (alone := self.gallery.find(image_id, name)).defect:
            return alone
        return found


def _checked(files: Sequence[Path]) -> Order:
    """The order of the boxes' numbers, once every row has been looked at."""
    votes: Counter[Order] = Counter()
    for file in files:
        problems = Problems(file)
        for number, row in enumerate(rows_of([file])):
            if _fits(row, f"row {number}", problems) and votes.total() < ENOUGH:
                votes.update(filter(None, map(_order, row["instances"])))
        problems.settle()
    if not votes:
        raise DataError(
            f"{files[0]}: no box of this split lies on its mask, as two corners or as a corner with a size."
        )
    return votes.most_common(1)[0][0]


def _fits(row: Any, place: str, problems: Problems) -> bool:
    if not IMAGE.fits(row, place, problems):
        return False
    good = True
    for index, instance in enumerate(row["instances"]):
        where = f"{place}.instances[{index}]"
        if not OBJECT.fits(instance, where, problems):
            good = False
        elif len(instance["bbox"]) != 4 or not all(type(value) in (int, float) for value in instance["bbox"]):
            problems.add(f"{where}.bbox", "expected four numbers")
            good = False
    return good


def _order(instance: Row) -> Order | None:
    """The order in which a box lies better on its mask; None where neither or both do."""
    try:
        around = box_of(from_json(instance["mask"]))
    except SampleError:
        return None
    if around is None:
        return None
    corners, size = (_overlap(_corners(instance["bbox"], order), around) for order in ("xyxy", "xywh"))
    if corners == size:
        return None
    return "xyxy" if corners > size else "xywh"


def _overlap(one: Box, other: Box) -> float:
    """The IoU of two boxes; 0 where one has its corners swapped."""
    shared = _side(max(one[0], other[0]), min(one[2], other[2])) * _side(max(one[1], other[1]), min(one[3], other[3]))
    either = sum(_side(box[0], box[2]) * _side(box[1], box[3]) for box in (one, other)) - shared
    return shared / either if either else 0.0


def _side(low: float, high: float) -> float:
    return max(0.0, high - low)
