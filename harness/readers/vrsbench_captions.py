"""The captions of VRSBench (Li et al., NeurIPS 2024 Datasets and Benchmarks, arXiv:2406.12384)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.paths import below
from harness.readers.captions import caption_sample
from harness.readers.gallery import Gallery
from harness.readers.tables import Shape, load_list
from harness.records import Sample

ROW = Shape(image_id=(str,), question=(str,), ground_truth=(str,), question_id=(int, str))


@dataclass(frozen=True)
class VrsbenchCaptionReader:
    """Reads `VRSBench_EVAL_Cap.json`: a list of `{"image_id", "question", "ground_truth", "question_id"}`.

    One sample is one row: id `question_id`, image id `image_id` (a file name), field `question`, one reference, and the
    tag `dataset` where the row says which one its image is from.

    Attributes:
        file: the file below the data set's folder.
        images: the folder of the images.
    """

    file: str = "VRSBench_EVAL_Cap.json"
    images: str = "Images_val"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the rows in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: rows contradict the format; all that the file has wrong, by index and field.
        """
        path = below(root, self.file)
        rows = load_list(path, "the captions of the validation images", ROW.fits, once="question_id")
        gallery = Gallery(root, self.images)
        for index, row in enumerate(rows):
            tags = {"dataset": row["dataset"]} if isinstance(row.get("dataset"), str) else {}
            place = f"{path.name}: [{index}]"
            sample = caption_sample(row["image_id"], (row["ground_truth"],), gallery, tags=tags, place=place)
            yield replace(sample, id=str(row["question_id"]), fields={"question": row["question"]})
