"""Pictures of what was answered, small enough to look at."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from geopix.drawing import draw
from geopix.prediction.asking import Finished
from geopix.prediction.scene_masks import SceneMask

_STRIPE = 256


def overlay(finished: Finished) -> Image.Image | None:
    """Draws an answer's masks, and the boxes that it speaks, over the small picture; None where none was kept."""
    if finished.seen is None or finished.seen.small is None:
        return None
    small, (height, width) = finished.seen.small, finished.seen.size
    factors = (small.width / width, small.height / height) * 2
    spoken = finished.boxes if finished.box_source == "text" else ()
    boxes = [[side * factor for side, factor in zip(box, factors, strict=True)] for box in spoken]
    return draw(small, _reduced(finished.masks, small.size), boxes)


def _reduced(
    masks: tuple[SceneMask, ...], size: tuple[int, int]
) -> Iterator[tuple[tuple[int, int], npt.NDArray[np.bool_]]]:
    """Yields masks as the pixels in the middle of a smaller picture's pixels have them."""
    for mask in masks:
        box = mask.window
        if box is None:
            yield (0, 0), np.zeros((0, 0), dtype=np.bool_)
            continue
        height, width = mask.size
        columns, rows = _middles(size[0], width), _middles(size[1], height)
        left, right = np.searchsorted(columns, [box.x, box.right])
        top, bottom = np.searchsorted(rows, [box.y, box.bottom])
        reduced = np.zeros((bottom - top, right - left), dtype=np.bool_)
        for stripe, pixels in mask.stripes(_STRIPE):
            first, last = np.searchsorted(columns, [stripe.x, stripe.right])
            chosen = np.ix_(rows[top:bottom] - box.y, columns[first:last] - stripe.x)
            reduced[:, first - left : last - left] = pixels[chosen]
        yield (int(left), int(top)), reduced


def _middles(few: int, many: int) -> npt.NDArray[np.int64]:
    """The pixel of many that lies in the middle of each of few: rising int64[few]."""
    return ((2 * np.arange(few) + 1) * many) // (2 * few)
