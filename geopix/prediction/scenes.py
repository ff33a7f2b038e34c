"""Pictures and scenes, read window by window in 8-bit RGB."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from geopix.image_processing import FORMATS, UNREADABLE, to_rgb, why_unreadable, without_bomb_warning
from geopix.prediction.stretch import Stretch
from geopix.prediction.tiles import Window
from harness.errors import EnvironmentProblem, SampleError

if TYPE_CHECKING:
    from geopix.prediction.georeferenced import Georeference

_ORIENTATION = 274
_GEO_KEYS = 34735
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, eq=False)
class Sight:
    """What a window shows.

    Attributes:
        picture: 8-bit RGB.
        valid: bool[h, w], where the scene has data; None when it has data everywhere.
    """

    picture: Image.Image
    valid: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Reading:
    """How scenes with more than three bands or 8 bits are read.

    Attributes:
        bands: the bands for red, green and blue, or one for grey, counted from 1; the file's own choice when None.
        stretch: how values become 8 bits; when None, 8 bits stay as they are and others go from the 2nd to the 98th
            percentile.
    """

    bands: tuple[int, ...] | None = None
    stretch: Stretch | None = None


class Scene(Protocol):
    """A picture that is open.

    Attributes:
        width: in pixels.
        height: in pixels.
        georeference: where it lies on the ground; None when the file does not say.
        notes: what was done or left out when it was read.
    """

    width: int
    height: int
    georeference: "Georeference | None"
    notes: tuple[str, ...]

    def read(self, window: Window) -> Sight:
        """Returns a window at full size.

        Raises:
            SampleError: it cannot be read.
        """

    def small(self, side: int) -> Image.Image:
        """Returns the whole scene in RGB, made smaller where it has more than `side` pixels a side."""


class Picture:
    """A file that Pillow reads: it is decoded whole.

    Args:
        path: the file.

    Raises:
        SampleError: it cannot be read.
    """

    georeference: "Georeference | None" = None

    def __init__(self, path: Path) -> None:
        with reading(path), without_bomb_warning(), Image.open(path, formats=FORMATS) as opened:
            self.notes = tuple(_remarks(opened))
            self._picture = to_rgb(opened)
        self.width, self.height = self._picture.size

    def read(self, window: Window) -> Sight:
        """Returns a window at full size."""
        if (window.width, window.height) == self._picture.size:
            return Sight(self._picture)
        return Sight(self._picture.crop((window.x, window.y, window.right, window.bottom)))

    def small(self, side: int) -> Image.Image:
        """Returns the whole picture, made smaller where it has more than `side` pixels a side."""
        copy = self._picture.copy()
        copy.thumbnail((side, side))
        return copy


def _remarks(opened: Image.Image) -> Iterator[str]:
    frames = getattr(opened, "n_frames", 1)
    if frames > 1:
        yield f"the first of {frames} frames was read"
    orientation = opened.getexif().get(_ORIENTATION, 1)
    if orientation not in (0, 1):
        yield f"the EXIF orientation {orientation} is ignored: pixels are those stored"


@contextmanager
def open_scene(path: Path, how: Reading) -> Iterator[Scene]:
    """Opens a file with Pillow, and TIFFs that are more than a plain 8-bit picture with rasterio.

    Raises:
        SampleError: the file cannot be read; says why.
        EnvironmentProblem: it needs rasterio, and the extra `geo` is not installed.
    """
    if not _needs_rasterio(path, how):
        yield Picture(path)
        return
    if find_spec("rasterio") is None:
        raise EnvironmentProblem(
            f"{path}: a GeoTIFF, or a TIFF of more than 8 bits or 4 bands, is read with rasterio, which is not "
            "installed. Install it with: pip install 'geopix[geo]'"
        )
    from geopix.prediction.geotiff import GeoTiff  # noqa: PLC0415 - rasterio is an extra

    with GeoTiff.opened(path, how) as scene:
        yield scene


def _needs_rasterio(path: Path, how: Reading) -> bool:
    with reading(path), path.open("rb") as file:
        if file.read(4) not in _TIFF_MAGIC:
            return False
    if how != Reading():
        return True
    try:
        with _head(path) as opened:
            tags = opened.tag_v2  # type: ignore[attr-defined]
            plain = opened.mode in {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"}
            return _GEO_KEYS in tags or not plain
    except UNREADABLE:
        return True


@contextmanager
def _head(path: Path) -> Iterator[Image.Image]:
    """Opens a file whose pixels are not decoded: neither its size nor what is damaged matters here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=FORMATS) as opened:
            yield opened


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what goes wrong when a file is read into an error that names it."""
    try:
        yield
    except UNREADABLE as error:
        raise SampleError(
            f"{path}: cannot be read as a picture: {why_unreadable(error)}. Check or replace the file."
        ) from error


def measured(path: Path) -> tuple[int, int] | None:
    """Returns a picture's width and height from the head of its file; None when Pillow cannot tell."""
    try:
        with _head(path) as opened:
            return opened.size
    except UNREADABLE:
        return None
