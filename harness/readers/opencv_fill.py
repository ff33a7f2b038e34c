"""Polygons filled as OpenCV's fillPoly fills them: the inside and all of the outline, for true masks made that way.

pycocotools leaves out about half of the outline's pixels. The rules are those of OpenCV 4: corners cut to whole pixels,
the outline by Bresenham's lines from left to right, the inside between pairs of edges in fixed point, everything cut at
the image's sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.deferred import Deferred
from harness.errors import SampleError
from harness.masks import encode
from harness.records import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Deferred("numpy")

Corner = tuple[int, int]
_SHIFT = 16
_FARTHEST = 1e5


def filled_as_opencv(size: tuple[int, int], polygons: Sequence[Sequence[float]]) -> Mask:
    """Returns the pixels of any of some polygons.

    >>> from harness.masks import area
    >>> area(filled_as_opencv((9, 9), [[2, 2, 6, 2, 6, 6, 2, 6]]))
    25

    Args:
        size: height and width in pixels.
        polygons: x and y of the corners in turns, pixels.

    Raises:
        SampleError: a polygon is not one corner or more of finite numbers near the image.
    """
    pixels = np.zeros(size, dtype=np.bool_)
    for polygon in polygons:
        values = np.asarray(polygon, dtype=np.float64)
        if len(values) < 2 or len(values) % 2:
            raise SampleError(f"a polygon needs x and y of each corner; found {len(values)} numbers")
        if not np.all(np.abs(values) <= _FARTHEST):
            raise SampleError(f"a polygon's corner is not within {_FARTHEST:.0f} pixels of the image")
        _fill(pixels, [(int(x), int(y)) for x, y in values.reshape(-1, 2)])
    return encode(pixels)


def _fill(pixels: NDArray[np.bool_], corners: list[Corner]) -> None:
    edges = list(zip([corners[-1], *corners[:-1]], corners, strict=True))
    for start, end in edges:
        _draw_line(pixels, start, end)
    height = pixels.shape[0]
    crossings: dict[int, list[int]] = {}
    for start, end in edges:
        for y, x in _crossings(start, end, pixels.shape):
            if 0 <= y < height:
                crossings.setdefault(y, []).append(x)
    for y, found in crossings.items():
        found.sort()
        for left, right in zip(found[::2], found[1::2], strict=False):
            first, last = (left + (1 << _SHIFT) - 1) >> _SHIFT, right >> _SHIFT
            pixels[y, max(0, first) : max(0, last + 1)] = True


def _crossings(start: Corner, end: Corner, shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The rows that an edge crosses, its lower end not among them, and where, in 65,536ths of a pixel."""
    if start[1] == end[1]:
        return
    cut = _cut(start, end, shape)
    (x0, y0), (x1, y1) = cut if cut and cut[0][1] != cut[1][1] else (start, end)
    x0, x1 = x0 << _SHIFT, x1 << _SHIFT
    slope = int((x1 - x0) / (y1 - y0))  # towards zero, as C divides
    for y in range(min(start[1], end[1]), max(start[1], end[1])):
        yield y, x0 + (y - y0) * slope


def _draw_line(pixels: NDArray[np.bool_], start: Corner, end: Corner) -> None:
    cut = _cut(start, end, pixels.shape)
    if cut is None:
        return
    # Sorted by x alone: a vertical line keeps its direction.
    (x, y), (x1, y1) = sorted(cut, key=lambda corner: corner[0])
    dx, dy = x1 - x, abs(y1 - y)
    down = 1 if y1 >= y else -1
    steep = dy > dx
    long, short = (dy, dx) if steep else (dx, dy)
    error = long - 2 * short
    for _ in range(long + 1):
        pixels[y, x] = True
        aside = error < 0
        error += 2 * long * aside - 2 * short
        x += 1 if not steep or aside else 0
        y += down if steep or aside else 0


def _cut(start: Corner, end: Corner, shape: tuple[int, int]) -> tuple[Corner, Corner] | None:
    """The part of a line within the image; None where there is none."""
    (x0, y0), (x1, y1) = start, end
    bottom, right = shape[0] - 1, shape[1] - 1
    if max(y0, y1) < 0 or min(y0, y1) > bottom or max(x0, x1) < 0 or min(x0, x1) > right:
        return None
    if not 0 <= y0 <= bottom:
        y = 0 if y0 < 0 else bottom
        x0, y0 = x0 + int((y - y0) * (x1 - x0) / (y1 - y0)), y
    if not 0 <= y1 <= bottom:
        y = 0 if y1 < 0 else bottom
        x1, y1 = x1 + int((y - y1) * (x1 - x0) / (y1 - y0)), y
    if max(x0, x1) < 0 or min(x0, x1) > right:
        return None
    if not 0 <= x0 <= right:
        x = 0 if x0 < 0 else right
        x0, y0 = x, y0 + int((x - x0) * (y1 - y0) / (x1 - x0))
    if not 0 <= x1 <= right:
        x = 0 if x1 < 0 else right
        x1, y1 = x, y1 + int((x - x1) * (y1 - y0) / (x1 - x0))
    return (x0, y0), (x1, y1)
