"""Boxes and polygons as data sets' rows have them: lists of numbers that may be anything."""

from typing import Any

from harness.errors import SampleError
from harness.records import Box


def corners(value: Any) -> list[tuple[float, float]]:
    """Returns the corners (x, y) of a polygon.

    >>> corners([[0, 1], [2, 1], [2, 3.5]])
    [(0.0, 1.0), (2.0, 1.0), (2.0, 3.5)]

    Raises:
        SampleError: it is no list of three corners [x, y] or more.
    """
    pairs = value if isinstance(value, list) else []
    if len(pairs) < 3 or not all(map(_is_corner, pairs)):
        raise SampleError(f"expected a polygon of three corners [x, y] or more, found {str(value)[:60]}")
    return [(float(x), float(y)) for x, y in pairs]


def _is_corner(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(value) in (int, float) for value in pair)


def box_of_corners(value: Any) -> Box:
    """Returns the box of a list (x0, y0, x1, y1).

    >>> box_of_corners([1, 2, 3.5, 4])
    (1.0, 2.0, 3.5, 4.0)

    Raises:
        SampleError: it has not four numbers, or no area.
    """
    if not isinstance(value, list) or len(value) != 4 or not all(type(number) in (int, float) for number in value):
        raise SampleError(f"expected the four numbers of a box, found {str(value)[:60]}")
    x0, y0, x1, y1 = map(float, value)
    return with_area((x0, y0, x1, y1))


def with_area(box: Box) -> Box:
    """Returns the box.

    Raises:
        SampleError: it has no area, or its corners are swapped.
    """
    if not (box[0] < box[2] and box[1] < box[3]):
        raise SampleError(f"the box {box} has no area, or its corners are swapped")
    return box
