"""Boxes as GeoPix speaks them: `{<x0><y0><x1><y1>}`, whole hundredths of the image's sides."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: A box in an answer.
BOX = re.compile(r"\{<(-?\d{1,9})><(-?\d{1,9})><(-?\d{1,9})><(-?\d{1,9})>\}")


def parse_boxes(text: str, width: int, height: int) -> npt.NDArray[np.float32]:
    """Reads all boxes of an answer.

    Args:
        text: an answer; anything that is not a complete box is ignored.
        width: the image's width in pixels.
        height: the image's height in pixels.

    Returns:
        float32[N, 4], x0 y0 x1 y1 in pixels, every hundredth clamped to 0..100 first.

    >>> parse_boxes("It is {<10><-3><50><120>}.", width=200, height=80)
    array([[ 20.,   0., 100.,  80.]], dtype=float32)
    """
    hundredths = np.array(BOX.findall(text), dtype=np.float64).reshape(-1, 4).clip(0, 100)
    return (hundredths / 100 * [width, height, width, height]).astype(np.float32)


def format_box(box: Sequence[float], width: int, height: int) -> str:
    """Writes a pixel box x0 y0 x1 y1 as GeoPix speaks it, rounded to hundredths.

    >>> format_box((20, 0, 100, 80), width=200, height=80)
    '{<10><0><50><100>}'
    """
    sides = (width, height, width, height)
    hundredths = [min(max(round(100 * value / side), 0), 100) for value, side in zip(box, sides, strict=True)]
    return "{" + "".join(f"<{value}>" for value in hundredths) + "}"


def boxes_of_masks(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The tight box of each mask, in pixels.

    Args:
        masks: bool[N, H, W].

    Returns:
        float32[N, 4], x0 y0 x1 y1, the far sides exclusive; all zeros for an empty mask.

    >>> mask = np.zeros((1, 4, 6), bool); mask[0, 1:3, 2:5] = True
    >>> boxes_of_masks(mask)
    array([[2., 1., 5., 3.]], dtype=float32)
    """
    boxes = np.zeros((len(masks), 4), dtype=np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        ys, xs = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
        if len(ys):
            box[:] = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    return boxes
