"""COCO instances: images, categories, and annotations with boxes and masks in one JSON file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import SampleError
from harness.paths import below
from harness.readers.gallery import Found, Gallery
from harness.readers.mapping import box_of
from harness.readers.segmentations import mask_of, size_class
from harness.readers.tables import Problems, Row, Shape, load, rows
from harness.records import Mask, Sample, Target

SHAPES = {
    "images": Shape(id=(int,), file_name=(str,), height=(int,), width=(int,)),
    "annotations": Shape(id=(int,), image_id=(int,), category_id=(int,), bbox=(list,)),
    "categories": Shape(id=(int,), name=(str,)),
}


@dataclass(frozen=True)
class CocoReader:
    """Reads objects from a file in COCO's format of instances.

    A sample has the field and the tag `category`, the true boxes in pixels and, unless an annotation has none, the true
    masks, one an object. Samples stand in the order of their images, then of their annotations. An object whose image
    is unknown, or whose box or mask cannot be used, makes a `defect`.

    Attributes:
        file: the file below the data set's folder.
        each: what one sample is: `category`, all objects of one category in one image, id `image_id-category_id`; or
            `instance`, a single object, with its annotation's id and the tag `size` (COCO's small, medium, large).
        images: the folder of the images below the data set's folder.
        crowds: whether annotations with `iscrowd` 1, which stand for many objects at once, are kept.
    """

    file: str
    each: Literal["category", "instance"] = "category"
    images: str = "."
    crowds: bool = False

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the samples.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: rows contradict the format; all that the file has wrong, by index and field.
        """
        tables = _tables(below(root, self.file))
        images = {row["id"]: row for row in tables["images"]}
        names = {row["id"]: row["name"] for row in tables["categories"]}
        gallery = Gallery(root, self.images)
        for sample_id, members in self._groups(tables).items():
            image = images.get(members[0]["image_id"])
            found = gallery.find(str(image["id"]), image["file_name"]) if image else Found(())
            yield self._sample(sample_id, members, image, found, names)

    def _groups(self, tables: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
        """The objects of each sample, by the sample's id."""
        order = {row["id"]: place for place, row in enumerate(tables["images"])}
        groups: dict[str, list[Row]] = {}
        for row in sorted(tables["annotations"], key=lambda row: order.get(row["image_id"], len(order))):
            if self.crowds or not row.get("iscrowd"):
                name = f"{row['image_id']}-{row['category_id']}" if self.each == "category" else str(row["id"])
                groups.setdefault(name, []).append(row)
        return groups

    def _sample(
        self, sample_id: str, members: list[Row], image: Row | None, found: Found, names: Mapping[int, str]
    ) -> Sample:
        category = names.get(members[0]["category_id"], "")
        target, defect = _target(members, image)
        if not category:
            defect = f"its category {members[0]['category_id']} is not among the file's categories"
        size = {"size": size_class(target.masks[0])} if self.each == "instance" and target.masks else {}
        return Sample(
            id=sample_id,
            images=found.images,
            fields={"category": category},
            target=target,
            tags={"category": category, **size},
            defect=defect or found.defect,
        )


def _tables(path: Path) -> dict[str, list[Row]]:
    content, problems = load(path, "the data set's annotations"), Problems(path)
    tables = {
        kind: [
            row for at, row in enumerate(rows(content, kind, problems)) if shape.fits(row, f"{kind}[{at}]", problems)
        ]
        for kind, shape in SHAPES.items()
    }
    for kind, table in tables.items():
        _check_ids(kind, table, problems)
    problems.settle()
    return tables


def _table(content: Any, kind: str, problems: Problems) -> list[Row]:
    found = enumerate(rows(content, kind, problems))
    return [row for index, row in found if SHAPES[kind].fits(row, f"{kind}[{index}]", problems)]


def _check_ids(kind: str, table: list[Row], problems: Problems) -> None:
    seen: set[int] = set()
    for row in table:
        if row["id"] in seen:
            problems.add(kind, f"the id {row['id']} stands more than once")
        seen.add(row["id"])


def _target(members: list[Row], image: Row | None) -> tuple[Target, str | None]:
    """The objects' boxes and masks, and why they cannot be used."""
    if image is None:
        return Target(), f"its image {members[0]['image_id']} is not among the file's images"
    at = members[0]
    try:
        boxes = []
        masks: list[Mask] = []
        for at in members:
            boxes.append(box_of(at["bbox"], "xywh", "bbox"))
            if segmentation := at.get("segmentation"):
                masks.append(_mask(segmentation, image))
    except SampleError as error:
        return Target(), f"annotation {at['id']}: {error}"
    return Target(masks=tuple(masks), boxes=tuple(boxes)), None


def _mask(segmentation: Any, image: Row) -> Mask:
    return mask_of(segmentation, (image["height"], image["width"]), "union")
