"""NWPU-Captions (Cheng et al., IEEE TGRS 2022): one table a scene class, five captions in five keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError, nearest
from harness.paths import below
from harness.readers.captions import caption_sample, no_split
from harness.readers.gallery import Gallery
from harness.readers.tables import Problems, Row, Shape, check_once, describe, load
from harness.records import Sample

CAPTIONS = ("raw", "raw_1", "raw_2", "raw_3", "raw_4")
IMAGE = Shape(filename=(str,), split=(str,), **dict.fromkeys(CAPTIONS, (str,)))


@dataclass(frozen=True)
class NwpuCaptionReader:
    """Reads one split of `dataset_nwpu.json`: `{class: [{"filename", "split", "raw", "raw_1" .. "raw_4"}]}`.

    One sample is one image with its five captions, id and image id `class/filename`, tag `scene` the class. The images
    are in one folder a class. An empty caption stays a reference: the published file has one.

    Attributes:
        file: the file below the data set's folder.
        images: the folder of the classes' folders.
        split: the split.
    """

    file: str = "dataset_nwpu.json"
    images: str = "NWPU_images"
    split: str = "test"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the split's images in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: rows contradict the format, all that the file has wrong by class, index and field, or the split
                has no image.
        """
        path = below(root, self.file)
        problems = Problems(path)
        found = list(_images(load(path, "the images with their captions"), problems))
        check_once(((place, f"{scene}/{row['filename']}") for place, scene, row in found), problems)
        problems.settle()
        wanted = [(place, scene, row) for place, scene, row in found if row["split"] == self.split]
        if not wanted:
            splits = {row["split"] for _, _, row in found}
            raise DataError(f"{path}: {no_split(self.split, splits)}.{nearest(self.split, splits)}")
        galleries = {scene: Gallery(below(root, self.images), scene) for scene in {scene for _, scene, _ in wanted}}
        for place, scene, row in wanted:
            yield caption_sample(
                f"{scene}/{row['filename']}", tuple(row[key] for key in CAPTIONS), galleries[scene],
                tags={"scene": scene}, file=row["filename"], place=f"{path.name}: {place}",
            )  # fmt: skip


def _images(data: Any, problems: Problems) -> Iterator[tuple[str, str, Row]]:
    if not isinstance(data, dict):
        problems.add("", f"expected an object with a list for each class, found {describe(data)}")
        return
    for scene, table in data.items():
        if not isinstance(table, list):
            problems.add(scene, f"expected a list, found {describe(table)}")
            continue
        for index, row in enumerate(table):
            if IMAGE.fits(row, f"{scene}[{index}]", problems):
                yield f"{scene}[{index}]", scene, row
