"""Boxes: the frames their numbers are counted in, rotated ones made upright, and what two of them share.

A box is (x0, y0, x1, y1), x to the right, y down, from the image's upper left corner.
"""

from collections.abc import Mapping, Sequence
from math import cos, radians, sin
from typing import Any, Literal

from harness.errors import SampleError
from harness.records import Box

Frame = Literal["pixels", "0-1", "0-100", "0-1000", "0-1024"]

#: What each side of the image measures in a frame; in pixels it is the image's own size.
EXTENTS: Mapping[Frame, float] = {"0-1": 1.0, "0-100": 100.0, "0-1000": 1000.0, "0-1024": 1024.0}
Size = tuple[int, int]


def sides(frame: Frame, size: Size | None) -> tuple[float, float]:
    """Returns what the image's width and height measure in a frame.

    Args:
        frame: the frame.
        size: the image's height and width in pixels; needed for the frame of pixels alone.

    Raises:
        SampleError: the frame is that of pixels and the size is not known.
    """
    if frame != "pixels":
        return EXTENTS[frame], EXTENTS[frame]
    if size is None:
        raise SampleError("the image's size is needed for boxes in pixels, and the sample has no image")
    return float(size[1]), float(size[0])


def convert(box: Box, source: Frame, goal: Frame, size: Size | None) -> Box:
    """Returns a box counted in another frame.

    >>> convert((25.0, 40.0, 50.0, 60.0), "0-100", "pixels", (200, 400))
    (100.0, 80.0, 200.0, 120.0)

    Args:
        box: the box in the frame `source`.
        source: the frame it is counted in.
        goal: the frame it is to be counted in.
        size: the image's height and width in pixels; needed where one of the frames is that of pixels and not both.

    Raises:
        SampleError: the size is needed and not known.
    """
    if source == goal:
        return box
    old, new = sides(source, size), sides(goal, size)
    x0, y0, x1, y1 = box
    # Multiplied first, so that whole numbers stay whole where they can.
    return x0 * new[0] / old[0], y0 * new[1] / old[1], x1 * new[0] / old[0], y1 * new[1] / old[1]


def size_of(value: Any) -> Size | None:
    """Returns the height and width that a JSON value holds; None where it is null.

    >>> size_of([28, 56]), size_of(None)
    ((28, 56), None)

    Raises:
        ValueError: it is neither null nor two whole numbers above 0.
    """
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 2 and all(type(side) is int and side > 0 for side in value)):
        raise ValueError(f"expected a height and a width in pixels, found {str(value)[:40]!r}")
    return value[0], value[1]


def resized(box: Box, old: Size, new: Size) -> Box:
    """Returns a box in pixels of a picture after the picture is resized; sizes are height and width.

    >>> resized((7.0, 14.0, 14.0, 28.0), (28, 14), (56, 56))
    (28.0, 28.0, 56.0, 56.0)
    """
    x0, y0, x1, y1 = box
    return x0 * new[1] / old[1], y0 * new[0] / old[0], x1 * new[1] / old[1], y1 * new[0] / old[0]


def around(points: Sequence[tuple[float, float]]) -> Box:
    """Returns the upright box around points (x, y).

    >>> around([(3, 1), (5, 4), (2, 6)])
    (2, 1, 5, 6)
    """
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def rotated(box: Box, degrees: float) -> Box:
    """Returns the upright box around a box that is turned about its middle; the sense of the turn does not matter.

    The convention is that of GeoChat's demonstration (`bbox_and_angle_to_polygon`): the four numbers are the box before
    it is turned.

    >>> rotated((0.0, 0.0, 4.0, 2.0), 0)
    (0.0, 0.0, 4.0, 2.0)
    >>> [round(value, 9) for value in rotated((0.0, 0.0, 4.0, 2.0), 90)]
    [1.0, -1.0, 3.0, 3.0]
    """
    x0, y0, x1, y1 = box
    across, along = abs(cos(radians(degrees))), abs(sin(radians(degrees)))
    width = ((x1 - x0) * across + (y1 - y0) * along) / 2
    height = ((x1 - x0) * along + (y1 - y0) * across) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return x - width, y - height, x + width, y + height


def clipped(box: Box, width: float, height: float) -> Box:
    """Returns the part of a box that lies in an image."""
    x0, y0, x1, y1 = box
    return max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)


def area(box: Box, cell: float = 0.0) -> float:
    """Returns a box's area; `cell` is added to both sides, see `overlap`."""
    return (box[2] - box[0] + cell) * (box[3] - box[1] + cell)


def overlap(one: Box, other: Box, cell: float = 0.0) -> tuple[float, float]:
    """Returns the areas of what is in both and of what is in either of two boxes of one frame.

    >>> overlap((0, 0, 4, 2), (2, 0, 6, 2)), overlap((0, 0, 1, 1), (1, 1, 2, 2), cell=1)
    ((4.0, 12.0), (1, 7))

    Args:
        one: a box.
        other: another.
        cell: 1 where the far sides are whole cells that belong to the box, so that a box from 3 to 3 is one wide.
    """
    width = min(one[2], other[2]) - max(one[0], other[0]) + cell
    height = min(one[3], other[3]) - max(one[1], other[1]) + cell
    shared = max(0.0, width) * max(0.0, height)
    return shared, area(one, cell) + area(other, cell) - shared


def size_class(pixels: float) -> str:
    """Returns COCO's name for an area in pixels: `small` below 32 x 32, `medium` below 96 x 96, else `large`."""
    return "small" if pixels < 32**2 else "medium" if pixels < 96**2 else "large"
