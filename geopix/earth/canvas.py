"""The supersampled canvas: colours, instance labels and cast shadows, painted through windows.

Things are painted from the lowest to the highest, each after its own shadow, so a shadow falls on what is lower and
a higher thing hides what lies under it; the labels that remain are the visible masks.
"""

from dataclasses import dataclass
from math import cos, hypot, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geopix.earth.geometry import Frame, Points
from geopix.earth.light import Sun

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
SUPERSAMPLING = 2
UNITS = 256


@dataclass(frozen=True)
class Window:
    """The pixels around an outline.

    Attributes:
        rows: Slice of canvas rows.
        columns: Slice of canvas columns.
        mask: bool[h, w], True inside the outline.
        along: float32[h, w], units from the frame's centre in its heading.
        across: float32[h, w], units to the right of the heading.
    """

    rows: slice
    columns: slice
    mask: Mask
    along: Floats
    across: Floats


class Canvas:
    """Colours float32[side, side, 3] from 0 to 1, labels int16[side, side] (0 = ground), at twice the image's size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.side = size * SUPERSAMPLING
        self.scale = self.side / UNITS
        self.pixels = np.zeros((self.side, self.side, 3), dtype=np.float32)
        self.labels = np.zeros((self.side, self.side), dtype=np.int16)
        self.shaded = np.zeros((self.side, self.side), dtype=np.bool_)

    def window(self, outlines: list[Points], frame: Frame, margin: float = 0.0) -> Window | None:
        """Returns the window around outlines given in image units, or None when it lies outside the canvas."""
        drawn = [outline * self.scale for outline in outlines]
        corners = np.concatenate(drawn)
        low = np.maximum(np.floor(corners.min(axis=0) - margin * self.scale), 0).astype(int)
        high = np.minimum(np.ceil(corners.max(axis=0) + margin * self.scale) + 1, self.side).astype(int)
        if (high <= low).any():
            return None
        width, height = (int(extent) for extent in high - low)
        sheet = Image.new("L", (width, height))
        pen = ImageDraw.Draw(sheet)
        for outline in drawn:
            # A pixel's centre lies half a pixel from its corner; pillow draws between centres.
            pen.polygon([(float(x), float(y)) for x, y in outline - low - 0.5], fill=1)
        along, across = self._local(frame, low, width, height)
        rows, columns = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
        return Window(rows, columns, np.asarray(sheet, dtype=np.bool_), along, across)

    def _local(self, frame: Frame, low: NDArray[np.int_], width: int, height: int) -> tuple[Floats, Floats]:
        x = ((np.arange(width, dtype=np.float32) + low[0] + 0.5) / self.scale - frame.x)[None, :]
        y = ((np.arange(height, dtype=np.float32) + low[1] + 0.5) / self.scale - frame.y)[:, None]
        turn_cos, turn_sin = np.float32(cos(frame.angle)), np.float32(sin(frame.angle))
        return x * turn_cos + y * turn_sin, y * turn_cos - x * turn_sin

    def fill(self, window: Window, colors: Floats, label: int | None = None, where: Mask | None = None) -> None:
        """Paints float32[h, w, 3] (or [3]) colours inside the window's mask (or `where`) and sets the label there."""
        mask = window.mask if where is None else where & window.mask
        view = self.pixels[window.rows, window.columns]
        np.copyto(view, np.broadcast_to(colors, view.shape), where=mask[..., None])
        if label is not None:
            self.labels[window.rows, window.columns][mask] = label
            self.shaded[window.rows, window.columns][mask] = False

    def blend(self, window: Window, color: Floats, alpha: Floats) -> None:
        """Mixes a colour over the window, float32[h, w] alpha from 0 to 1."""
        view = self.pixels[window.rows, window.columns]
        view += (color - view) * alpha[..., None]

    def cast_shadow(self, outline: Points, frame: Frame, height: float, sun: Sun) -> None:
        """Darkens what lies in the shadow of a prism of this outline and height (units)."""
        reach = np.array(sun.shadow) * height
        steps = max(2, int(hypot(*reach) * self.scale / 2) + 1)
        window = self.window([outline + reach * step for step in np.linspace(0, 1, steps)], frame)
        if window is None:
            return
        shaded = self.shaded[window.rows, window.columns]
        fresh = window.mask & ~shaded
        view = self.pixels[window.rows, window.columns]
        view *= np.where(fresh[..., None], sun.shade, np.float32(1))
        shaded |= fresh
