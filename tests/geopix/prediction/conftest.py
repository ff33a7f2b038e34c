"""Small GeoTIFFs, and a stand-in for the model that segments by colour, so that areas and places are known exactly."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from PIL import Image
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from scipy import ndimage

from geopix.boxes import boxes_of_masks
from geopix.image_processing import to_rgb
from geopix.predictor import Answer
from harness.errors import SampleError

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


class ByColour:
    """Answers "Segment red." with a mask for each red part that hangs together; "Where is red?" with boxes in words.

    Attributes:
        asked: for each batch, the sizes of its pictures.
        options: how the last batch was asked.
    """

    def __init__(self) -> None:
        self.asked: list[list[tuple[int, int]]] = []
        self.options: dict[str, Any] = {}

    def respond_batch(self, requests: Sequence[tuple[Any, str]], **asking: Any) -> list[Answer]:
        pictures = [to_rgb(picture) for picture, _ in requests]
        self.asked.append([picture.size for picture in pictures])
        self.options = asking
        return [self._answer(picture, text) for picture, (_, text) in zip(pictures, requests, strict=True)]

    def _answer(self, picture: Image.Image, text: str) -> Answer:
        if "refuse" in text:
            raise SampleError("this question is refused")
        colour = next((colour for name, colour in COLOURS.items() if name in text), (1, 2, 3))
        found = (np.asarray(picture) == colour).all(axis=-1)
        labels, count = ndimage.label(found)
        masks = np.array([labels == number for number in range(1, count + 1)]).reshape(count, *found.shape)
        boxes = boxes_of_masks(masks)
        if "Where" in text:
            return Answer("there", masks[:0], boxes, "text", 1, None)
        reason = "a run is cut short" if "broken" in text else None
        return Answer("It is <SEG>." * min(count, 1), masks, boxes, "masks" if count else "none", count, reason)


@pytest.fixture
def by_colour() -> ByColour:
    return ByColour()


class WriteGeotiff(Protocol):
    def __call__(self, bands: npt.NDArray[Any], name: str = ..., **profile: Any) -> Path: ...


#: Ten metres a pixel, from (500000, 5400000) to the south-east.
UTM = {"crs": CRS.from_epsg(32633), "transform": Affine(10, 0, 500_000, 0, -10, 5_400_000)}


@pytest.fixture
def write_geotiff(tmp_path: Path) -> WriteGeotiff:
    def write(bands: npt.NDArray[Any], name: str = "scene.tif", **profile: Any) -> Path:
        count, height, width = bands.shape
        extras = {key: profile.pop(key) for key in ("colorinterp", "colormap", "valid") if key in profile}
        path = tmp_path / name
        shape = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": bands.dtype.name}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(path, "w", **{**shape, **UTM, **profile})
        with file:
            if "sparse_ok" not in profile:
                file.write(bands)
            if "colorinterp" in extras:
                file.colorinterp = extras["colorinterp"]
            if "colormap" in extras:
                file.write_colormap(1, extras["colormap"])
            if "valid" in extras:
                file.write_mask(extras["valid"])
        return path

    return write


@pytest.fixture
def paint() -> Callable[..., npt.NDArray[np.uint8]]:
    """Gives uint8[3, H, W] with coloured rectangles (colour, x0, y0, x1, y1) on dark grey."""

    def paint(height: int, width: int, *parts: tuple[str, int, int, int, int]) -> npt.NDArray[np.uint8]:
        pixels = np.full((height, width, 3), 40, np.uint8)
        for colour, x0, y0, x1, y1 in parts:
            pixels[y0:y1, x0:x1] = COLOURS[colour]
        return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))

    return paint
