"""GeoChat's referring benchmark: GeoChat-Bench's referring.jsonl, one polygon in pixels a row, or several."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.boxes import around
from harness.errors import SampleError
from harness.paths import below
from harness.readers.corners import corners, with_area
from harness.readers.gallery import Gallery
from harness.readers.lines import load_lines, refuse_repeated
from harness.readers.tables import Row, Shape
from harness.records import Box, Sample, Target

ROW = Shape(question_id=(int, str), image_id=(str,), question=(str,), ground_truth=(list,), type=(str,))


@dataclass(frozen=True)
class GeochatReferringReader:
    """Reads GeoChat-Bench's referring.jsonl (Kuckreja et al., CVPR 2024), as downloaded.

    A row's `ground_truth` is a list of polygons, corners [x, y] in pixels; each becomes the upright box around it. The
    image is `{image_id}.png` among those of GeoChat_Instruct's images.zip.

    One sample is one row: id `question_id`, field `expression` (`question`), tags `type`, `size` (`size_group`) and
    `targets` (`one`, `several`).

    Attributes:
        file: the file below the data set's folder.
        images: the folder of the images.
        type: keeps the rows of this type; all where empty.
    """

    file: str = "referring.jsonl"
    images: str = "final_images_llava"
    type: str = ""

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the rows in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: lines contradict the format; all of them, by number and field.
        """
        path = below(root, self.file)
        rows = load_lines(path, "GeoChat-Bench's referring expressions", ROW)
        refuse_repeated(path, "question_id", (row["question_id"] for row in rows))
        gallery = Gallery(root, self.images, ("png",))
        for row in rows:
            if self.type in ("", row["type"]):
                yield _sample(row, gallery)


def _sample(row: Row, gallery: Gallery) -> Sample:
    image = gallery.find(row["image_id"], row["image_id"])
    try:
        target, defect = Target(boxes=_boxes(row["ground_truth"])), image.defect
    except SampleError as error:
        target, defect = Target(), f"question {row['question_id']}: ground_truth: {error}"
    return Sample(
        id=str(row["question_id"]),
        images=image.images,
        fields={"expression": row["question"]},
        target=target,
        tags={
            "type": row["type"],
            "size": str(row.get("size_group") or "unknown").lower(),
            "targets": "one" if len(row["ground_truth"]) == 1 else "several",
        },
        defect=defect,
    )


def _boxes(polygons: list[Any]) -> tuple[Box, ...]:
    if not polygons:
        raise SampleError("expected a polygon, found an empty list")
    return tuple(with_area(around(corners(polygon))) for polygon in polygons)
