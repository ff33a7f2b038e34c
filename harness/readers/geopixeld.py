"""GeoPixelD: captions whose phrases are grounded in masks (RS-GCG)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError, SampleError
from harness.images import image_size
from harness.parsers.mask import SEGMENTATION_TOKEN
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.opencv_fill import filled_as_opencv
from harness.readers.tables import missing
from harness.records import ImageFile, Mask, Sample, Target


@dataclass(frozen=True)
class GeopixeldReader:
    """Reads one split of GeoPixelD (Shabbir et al., GeoPixel, ICML 2025).

    `{split}` holds an image as PNG and a JSON file of the same stem: `gcg_description`, a caption with
    `<p> phrase </p> [SEG]` for each object, and `polygons`, for each [SEG] in turn a list of polygons of points (x, y).
    They are filled as GeoPixel's loader fills them, by OpenCV's rules, the outline included.

    One sample is one image: its stem as id; the caption as written; one mask a phrase; tag `targets`, the number of
    masks in ranges. A file that cannot be used, or has another number of masks than of [SEG], makes a `defect`.

    Attributes:
        split: the folder of the split.
    """

    split: str = "test"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the images in the order of their names.

        Raises:
            MissingDataError: the folder is absent.
            DataError: it holds no annotation.
        """
        folder = below(root, self.split)
        if not folder.is_dir():
            raise missing(folder, "the folder of the split's images and annotations")
        names = sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".json")
        if not names:
            raise DataError(f"{folder} holds no annotation that ends in .json.")
        gallery = Gallery(root, self.split, ("png",))
        for name in names:
            yield _sample(Path(name).stem, below(folder, name), gallery)


def _sample(stem: str, path: Path, gallery: Gallery) -> Sample:
    image = gallery.find(stem, stem)
    target, defect = Target(), image.defect
    if defect is None:
        try:
            target = _target(path, image.images[0])
        except SampleError as error:
            defect = f"image {stem}: {error}"
    tags = {"targets": _range(len(target.masks))}
    return Sample(id=stem, images=image.images, fields={}, target=target, tags=tags, defect=defect)


def _target(path: Path, image: ImageFile) -> Target:
    try:
        content: Any = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SampleError(f"its annotation {path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise SampleError(f"its annotation {path} is not valid JSON: {error}") from error
    caption, objects = (
        (content.get("gcg_description"), content.get("polygons")) if isinstance(content, dict) else (None, None)
    )
    if not isinstance(caption, str) or not isinstance(objects, list):
        raise SampleError(f"{path} needs `gcg_description`, a text, and `polygons`, a list")
    marks = len(SEGMENTATION_TOKEN.findall(caption))
    if marks != len(objects):
        raise SampleError(f"{path} has {marks} [SEG] in its caption and polygons for {len(objects)}")
    size = image_size(image)
    return Target(texts=(caption,), masks=tuple(_mask(parts, size) for parts in objects))


def _mask(parts: Any, size: tuple[int, int]) -> Mask:
    if not isinstance(parts, list) or not parts or not all(map(_is_polygon, parts)):
        raise SampleError("an object's polygons are not lists of points (x, y)")
    return filled_as_opencv(size, [[float(value) for point in part for value in point] for part in parts])


def _is_polygon(part: Any) -> bool:
    return (
        isinstance(part, list)
        and bool(part)
        and all(
            isinstance(point, list) and len(point) == 2 and all(type(value) in (int, float) for value in point)
            for point in part
        )
    )


def _range(count: int) -> str:
    return str(count) if count < 3 else "3 to 5" if count < 6 else "6 or more"
