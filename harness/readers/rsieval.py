"""RSIEval and RSICap (Hu et al., RSGPT, arXiv:2307.15266): one long caption an image, written by people."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.paths import below
from harness.readers.captions import caption_sample
from harness.readers.gallery import Gallery
from harness.readers.tables import Problems, Shape, check_once, load, rows
from harness.records import Sample


@dataclass(frozen=True)
class RsievalCaptionReader:
    """Reads the captions of a file `{"annotations": [{"filename", "caption", ..}]}`.

    One sample is one image with its caption: id and image id are its `filename`. The questions in the same file are not
    looked at.

    Attributes:
        file: the file below the data set's folder.
        images: the folder of the images.
        caption: the key of the caption.
    """

    file: str = "annotations.json"
    images: str = "images"
    caption: str = "caption"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the images in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: rows contradict the format; all that the file has wrong, by index and field.
        """
        path = below(root, self.file)
        problems = Problems(path)
        shape = Shape(**{"filename": (str,), self.caption: (str,)})
        found = [
            (f"annotations[{index}]", row)
            for index, row in enumerate(rows(load(path, "the images' captions"), "annotations", problems))
            if shape.fits(row, f"annotations[{index}]", problems)
        ]
        check_once(((f"{place}.filename", row["filename"]) for place, row in found), problems)
        problems.settle()
        gallery = Gallery(root, self.images)
        for place, row in found:
            yield caption_sample(row["filename"], (row[self.caption],), gallery, tags={}, place=f"{path.name}: {place}")
