"""DVGBench: drone images with an implicit and an explicit query for the same object, as a box and as a polygon."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.boxes import area, size_class
from harness.errors import SampleError
from harness.images import image_size
from harness.masks import from_polygons, union
from harness.paths import below
from harness.readers.corners import box_of_corners, corners
from harness.readers.gallery import Gallery
from harness.readers.lines import load_lines, refuse_repeated
from harness.readers.tables import Row, Shape
from harness.records import ImageFile, Mask, Sample, Target

ROW = Shape(question_id=(int, str), image_id=(str,), bbox=(list,), question=(str,), dataset=(str,))
Query = Literal["question", "question_e", "question_cn", "question_e_cn"]
SCENARIO = "class"


@dataclass(frozen=True)
class DvgbenchReader:
    """Reads one split of DVGBench (Zhou et al., ISPRS JPRS 232, 2026), as downloaded.

    `dvg_{split}.jsonl` has one row an object, `bbox` (x0, y0, x1, y1) and `poly` (corners [x, y]) in pixels. The image
    is `images/{dataset}/{image_id}`.

    One sample is one row: id `question_id`, field `expression`, tags `scenario` (the row's `class`), `source`
    (`dataset`) and `size` (COCO's limits on the box's area).

    Attributes:
        split: the split, `test` for example.
        query: which query is asked: `question` is the implicit one, `question_e` the explicit one; both also in
            Chinese.
        masks: whether the polygon is read too, filled at the image's size, which is read from the file's head.
        images: the folder of the images.
    """

    split: str = "test"
    query: Query = "question"
    masks: bool = False
    images: str = "images"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the rows in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: lines contradict the format; all of them, by number and field.
        """
        path = below(root, f"dvg_{self.split}.jsonl")
        rows = load_lines(path, "DVGBench's rows", ROW)
        refuse_repeated(path, "question_id", (row["question_id"] for row in rows))
        gallery = Gallery(root, self.images)
        for row in rows:
            yield self._sample(row, gallery)

    def _sample(self, row: Row, gallery: Gallery) -> Sample:
        name = f"{row['dataset']}/{row['image_id']}"
        image = gallery.find(name, name)
        expression = str(row.get(self.query) or "").strip()
        target, defect = Target(), image.defect
        if not defect:
            target, defect = self._target(row, image.images[0])
        return Sample(
            id=str(row["question_id"]),
            images=image.images,
            fields={"expression": expression},
            target=target,
            tags={
                "scenario": str(row.get(SCENARIO) or "unknown"),
                "source": row["dataset"],
                "size": size_class(area(target.boxes[0])) if target.boxes else "unknown",
            },
            defect=defect if expression or defect else f"question {row['question_id']}: it has no {self.query!r}",
        )

    def _target(self, row: Row, image: ImageFile) -> tuple[Target, str | None]:
        """The right answer, or why there is none."""
        try:
            box = box_of_corners(row["bbox"])
            masks: tuple[Mask, ...] = ()
            if self.masks:
                polygon = [value for corner in corners(row.get("poly")) for value in corner]
                masks = (union(from_polygons(image_size(image), [polygon])),)
        except SampleError as error:
            return Target(), f"question {row['question_id']}: {error}"
        return Target(masks=masks, boxes=(box,)), None
