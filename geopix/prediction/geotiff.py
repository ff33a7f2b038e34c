"""GeoTIFFs: bands chosen, values stretched, missing data left out, windows read when they are asked for."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RasterWindow

from geopix.image_processing import MOST_PIXELS
from geopix.prediction.georeferenced import Georeference
from geopix.prediction.scenes import Reading, Sight, reading
from geopix.prediction.stretch import Percentiles, to_bytes
from geopix.prediction.tiles import Window
from harness.errors import SampleError

#: The stretch is measured on every k-th pixel, at most so many a side.
SAMPLE_SIDE = 1024
CACHE_MEGABYTES = 256
DEFAULT_STRETCH = Percentiles(2, 98)
_COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


class GeoTiff:
    """A GeoTIFF that is open; see `GeoTiff.opened`.

    Args:
        dataset: rasterio's dataset.
        how: the bands and the stretch.

    Raises:
        SampleError: it lacks a band, or its values are complex.
    """

    def __init__(self, dataset: Any, how: Reading) -> None:
        self._dataset = dataset
        self._path = dataset.name
        self.width, self.height = int(dataset.width), int(dataset.height)
        self._palette = _palette(dataset) if how.bands is None else None
        self._bands = list(how.bands or _own_bands(dataset))
        self._check()
        self._stretch = how.stretch
        self.georeference = Georeference.of(dataset)
        self.notes = tuple(self._remarks(how))

    @classmethod
    @contextmanager
    def opened(cls, path: Path, how: Reading) -> Iterator["GeoTiff"]:
        """Opens a file; no other format of GDAL's is tried, since some of them read other files or run code.

        Raises:
            SampleError: it cannot be read as a GeoTIFF.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with reading(path):
                dataset = rasterio.open(path.absolute(), driver="GTiff")
            # Left alone, GDAL keeps blocks that it has read until they fill a twentieth of the machine's memory.
            with dataset, rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES):
                yield cls(dataset, how)

    def read(self, window: Window) -> Sight:
        """Returns a window at full size.

        Raises:
            SampleError: it cannot be read, or has more pixels than are decoded at once.
        """
        if window.width * window.height > MOST_PIXELS:
            raise SampleError(
                f"{self._path}: {window.width} x {window.height} pixels are more than the {MOST_PIXELS:,} that are "
                "read at once. Read it by tiles: --tile 1024 --overlap 128."
            )
        return self._sight(window=RasterWindow(window.x, window.y, window.width, window.height))

    def small(self, side: int) -> Image.Image:
        """Returns the whole scene, made smaller where it has more than `side` pixels a side."""
        return self._sight(out_shape=self._reduced(side)).picture

    def _sight(self, **place: Any) -> Sight:
        values, valid = self._values(**place)
        anywhere = np.asarray(valid.any(axis=0))
        if self._palette is not None:
            pixels = self._palette[values[0]] * anywhere[..., None]
        else:
            limits = self._limits or [(0.0, 255.0)] * len(values)
            bands = [to_bytes(band, limit) for band, limit in zip(values, limits, strict=True)]
            pixels = np.stack([band * where for band, where in zip(bands, valid, strict=True)] * (3 // len(bands)), -1)
        return Sight(Image.fromarray(pixels), None if anywhere.all() else anywhere)

    def _values(self, **place: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """The chosen bands' values [C, h, w], and where they are valid bool[C, h, w]."""
        with reading(Path(self._path)):
            values = self._dataset.read(self._bands, **place)
            valid = self._dataset.read_masks(self._bands, **place) > 0
        return values, valid & np.isfinite(values)

    @cached_property
    def _limits(self) -> list[tuple[float, float]] | None:
        """The limits of each band; None where 8 bits stay as they are."""
        if self._stretch is None and all(self._dataset.dtypes[band - 1] == "uint8" for band in self._bands):
            return None
        values, valid = self._values(out_shape=self._reduced(SAMPLE_SIDE))
        chosen = self._stretch or DEFAULT_STRETCH
        return [
            chosen.limits(band[where]) if where.any() else (0.0, 0.0) for band, where in zip(values, valid, strict=True)
        ]

    def _reduced(self, side: int) -> tuple[int, int]:
        scale = min(1.0, side / max(self.width, self.height))
        return max(1, round(self.height * scale)), max(1, round(self.width * scale))

    def _check(self) -> None:
        count = self._dataset.count
        if wrong := [band for band in self._bands if not 1 <= band <= count]:
            raise SampleError(f"{self._path}: has {count} bands, and no band {wrong[0]}. Choose others with --bands.")
        if any(self._dataset.dtypes[band - 1].startswith("complex") for band in self._bands):
            raise SampleError(
                f"{self._path}: its values are complex numbers. Write their amplitude as a band of its own."
            )

    def _remarks(self, how: Reading) -> Iterator[str]:
        if how.bands is None and self._dataset.count > len(self._bands) and self._palette is None:
            yield f"bands {','.join(map(str, self._bands))} of {self._dataset.count} were read; choose with --bands"
        if self._palette is None and self._limits is not None:
            limits = ", ".join(f"{low:g} to {high:g}" for low, high in self._limits)
            yield f"values stretched to 8 bits: {limits}"
        if self.georeference is None:
            yield "the file does not say where it lies, so no georeferenced masks are written"


def _own_bands(dataset: Any) -> Sequence[int]:
    """Red, green and blue where the file names them; else its first three bands, or the first one."""
    kinds = list(dataset.colorinterp)
    if all(colour in kinds for colour in _COLOURS):
        return [kinds.index(colour) + 1 for colour in _COLOURS]
    data = [band for band, kind in enumerate(kinds, 1) if kind != ColorInterp.alpha]
    return data[:3] if len(data) >= 3 else data[:1] or [1]


def _palette(dataset: Any) -> npt.NDArray[np.uint8] | None:
    """The colours of a palette's numbers, uint8[K, 3]; None for a file without palette."""
    if dataset.colorinterp[0] != ColorInterp.palette:
        return None
    colours = np.zeros((np.iinfo(dataset.dtypes[0]).max + 1, 3), dtype=np.uint8)
    for number, colour in dataset.colormap(1).items():
        if number < len(colours):
            colours[number] = colour[:3]
    return colours
