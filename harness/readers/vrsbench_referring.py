"""VRSBench's referring expressions: VRSBench_EVAL_referring.json, boxes in hundredths of the image's sides."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.lines import refuse_repeated
from harness.readers.tables import Row, Shape, load_list
from harness.records import Box, Sample, Target

ROW = Shape(image_id=(str,), question=(str,), ground_truth=(str,), question_id=(int, str), obj_cls=(str,))
_BOX = re.compile(r"\{<(\d{1,3})><(\d{1,3})><(\d{1,3})><(\d{1,3})>\}")


@dataclass(frozen=True)
class VrsbenchReferringReader:
    """Reads VRSBench's referring expressions (Li et al., NeurIPS 2024 D&B), as downloaded.

    A row's `ground_truth` is `{<x0><y0><x1><y1>}`, whole hundredths of the image's sides made by cutting off decimals;
    both corners belong to the box. The boxes stay in that frame, in which the benchmark scores them.

    One sample is one row: id `question_id`, field `expression` (`question`), tags `category` (`obj_cls`), `size`
    (`size_group`, `unknown` where it is empty) and `unique` (`yes`, `no`).

    Attributes:
        file: the file below the data set's folder.
        images: the folder of the images.
    """

    file: str = "VRSBench_EVAL_referring.json"
    images: str = "Images_val"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the rows in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: rows contradict the format; all of them, by index and field.
        """
        path = below(root, self.file)
        rows = load_list(path, "VRSBench's referring expressions", ROW.fits)
        refuse_repeated(path, "question_id", (row["question_id"] for row in rows))
        gallery = Gallery(root, self.images)
        for row in rows:
            yield _sample(row, gallery)


def _sample(row: Row, gallery: Gallery) -> Sample:
    image = gallery.find(row["image_id"], row["image_id"])
    box = _box(row["ground_truth"])
    problem = f"question {row['question_id']}: {row['ground_truth'][:60]!r} is no box in hundredths, {{<x><y><x><y>}}"
    return Sample(
        id=str(row["question_id"]),
        images=image.images,
        fields={"expression": row["question"]},
        target=Target(boxes=(box,) if box else ()),
        tags={
            "category": row["obj_cls"],
            "size": str(row.get("size_group") or "unknown").lower(),
            "unique": _unique(row.get("unique", row.get("is_unique"))),
        },
        defect=image.defect if box else problem,
    )


def _unique(value: object) -> str:
    if value is None or value == "":
        return "unknown"
    return "yes" if str(value).lower() in {"true", "1", "yes"} else "no"


def _box(text: str) -> Box | None:
    match = _BOX.fullmatch(text.strip())
    if match is None:
        return None
    x0, y0, x1, y1 = map(float, match.groups())
    return (x0, y0, x1, y1) if x0 <= x1 <= 100 and y0 <= y1 <= 100 else None
