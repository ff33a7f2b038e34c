"""Masks of scenes too large to draw: only the places are kept at which a mask begins and ends.

Places are counted down the columns, column by column, as in COCO's run-length encoding: pixel (x, y) of a scene of
height H is at x * H + y. Memory grows with a mask's outline, not with the scene.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from geopix.prediction.tiles import Window
from harness.masks import from_runs
from harness.records import Mask


@dataclass(frozen=True, eq=False)
class SceneMask:
    """A mask of a scene.

    Attributes:
        size: the scene's height and width.
        edges: int64[2R], rising: the first place of each run and the first behind it, in turns.
    """

    size: tuple[int, int]
    edges: npt.NDArray[np.int64]

    @classmethod
    def placed(cls, pixels: npt.NDArray[np.bool_], window: Window, size: tuple[int, int]) -> "SceneMask":
        """Returns the mask that a window's pixels bool[h, w] make in a scene of a size (height, width)."""
        padded = np.pad(pixels.T, ((0, 0), (1, 1)))
        columns, rows = np.nonzero(padded[:, 1:] != padded[:, :-1])
        places = (window.x + columns) * size[0] + window.y + rows
        return cls(size, _without_seams(places))

    @cached_property
    def area(self) -> int:
        """How many pixels the mask has."""
        return int((self.edges[1::2] - self.edges[::2]).sum())

    @cached_property
    def window(self) -> Window | None:
        """The tight box around the mask; None without a pixel."""
        if not len(self.edges):
            return None
        height = self.size[0]
        first, last = self.edges[::2], self.edges[1::2] - 1
        x, right = int(first[0] // height), int(last[-1] // height) + 1
        if (first // height != last // height).any():  # a run goes on in the next column: from side to side
            return Window(x, 0, right - x, height)
        y, bottom = int((first % height).min()), int((last % height).max()) + 1
        return Window(x, y, right - x, bottom - y)

    def inside(self, window: Window) -> npt.NDArray[np.bool_]:
        """Returns the pixels of a window of the scene, bool[h, w]."""
        height = self.size[0]
        start, end = window.x * height, window.right * height
        low, high = np.searchsorted(self.edges, [start, end])
        places = np.concatenate(([start], self.edges[low:high], [end]))
        inside = (np.arange(len(places) - 1) + low) % 2 == 1
        columns = np.repeat(inside, np.diff(places)).reshape(window.width, height)
        return columns.T[window.y : window.bottom]

    def stripes(self, width: int) -> Iterator[tuple[Window, npt.NDArray[np.bool_]]]:
        """Yields the tight box in upright stripes of at most some columns, each with its pixels bool[h, w]."""
        if self.window is None:
            return
        for x in range(self.window.x, self.window.right, width):
            stripe = Window(x, self.window.y, min(width, self.window.right - x), self.window.height)
            yield stripe, self.inside(stripe)

    def to_rle(self) -> Mask:
        """Returns the mask as COCO writes it.

        >>> SceneMask((2, 3), np.array([1, 3])).to_rle()
        Mask(size=(2, 3), counts='123')
        """
        height, width = self.size
        return from_runs(self.size, np.diff(np.concatenate(([0], self.edges, [height * width]))))


def union(masks: Sequence[SceneMask]) -> SceneMask:
    """Returns the pixels that belong to any of some masks of one scene.

    >>> union([SceneMask((4, 4), np.array([0, 3, 8, 9])), SceneMask((4, 4), np.array([2, 5]))]).edges
    array([0, 5, 8, 9])
    """
    if len(masks) == 1:
        return masks[0]
    starts = np.concatenate([mask.edges[::2] for mask in masks])
    ends = np.concatenate([mask.edges[1::2] for mask in masks])
    if not len(starts):
        return masks[0]
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    new = np.flatnonzero(starts[1:] > reached[:-1]) + 1
    first, last = np.concatenate(([0], new)), np.concatenate((new - 1, [len(starts) - 1]))
    return SceneMask(masks[0].size, np.stack([starts[first], reached[last]], axis=1).ravel())


def _without_seams(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Joins a run that ends with its column and one that begins with the next."""
    same = np.flatnonzero(places[1:] == places[:-1])
    return np.delete(places, np.concatenate((same, same + 1)))
