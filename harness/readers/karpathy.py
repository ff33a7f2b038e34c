"""Captions in the layout of Karpathy's splits (Karpathy and Fei-Fei, CVPR 2015): UCM, Sydney, RSICD, RSITMD."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DataError, nearest
from harness.paths import below
from harness.readers.captions import caption_sample, no_split
from harness.readers.gallery import Gallery
from harness.readers.tables import Problems, Row, Shape, check_once, load, rows
from harness.records import Sample

IMAGE = Shape(filename=(str,), split=(str,), sentences=(list,))
SENTENCE = Shape(raw=(str,))


@dataclass(frozen=True)
class KarpathyReader:
    """Reads one split of a file `{"images": [{"filename", "split", "sentences": [{"raw"}]}]}`.

    One sample is one image with all its sentences as written: id and image id are its `filename`. Other keys are not
    looked at. An empty sentence stays a reference, as in the published scores; an image with none other is a defect.

    Attributes:
        file: the file below the data set's folder.
        images: the folder of the images.
        split: the split.
    """

    file: str = "dataset.json"
    images: str = "imgs"
    split: str = "test"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the split's images in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: rows contradict the format, all that the file has wrong by index and field, or the split has no
                image.
        """
        path = below(root, self.file)
        problems = Problems(path)
        found = [
            (f"images[{index}]", row)
            for index, row in enumerate(rows(load(path, "the images with their captions"), "images", problems))
            if _fits(row, f"images[{index}]", problems)
        ]
        check_once(((f"{place}.filename", row["filename"]) for place, row in found), problems)
        problems.settle()
        wanted = [(place, row) for place, row in found if row["split"] == self.split]
        if not wanted:
            splits = {row["split"] for _, row in found}
            raise DataError(f"{path}: {no_split(self.split, splits)}.{nearest(self.split, splits)}")
        gallery = Gallery(root, self.images)
        for place, row in wanted:
            texts = tuple(sentence["raw"] for sentence in row["sentences"])
            yield caption_sample(row["filename"], texts, gallery, tags={}, place=f"{path.name}: {place}")


def _fits(row: Row, place: str, problems: Problems) -> bool:
    if not IMAGE.fits(row, place, problems):
        return False
    good = [
        SENTENCE.fits(sentence, f"{place}.sentences[{index}]", problems)
        for index, sentence in enumerate(row["sentences"])
    ]
    return all(good)
