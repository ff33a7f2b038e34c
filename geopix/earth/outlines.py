"""Masks as polygons, for benchmarks that keep theirs so."""

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, int]
# Along each side of a pixel, clockwise: where it begins and ends, and the step to the pixel beyond it, as (x, y).
_SIDES = (((0, 0), (1, 0), (0, -1)), ((1, 0), (1, 1), (1, 0)), ((1, 1), (0, 1), (0, 1)), ((0, 1), (0, 0), (-1, 0)))


def outline(mask: NDArray[np.bool_]) -> list[Point]:
    """Returns the corners (x, y) of one polygon that has exactly a mask's pixels, by the even-odd rule.

    Parts that do not touch, and holes, are joined by a line that goes there and back again.

    Args:
        mask: bool[H, W] with at least one pixel.

    >>> import numpy as np
    >>> outline(np.array([[False, True], [False, True]]))
    [(1, 0), (2, 0), (2, 2), (1, 2)]
    """
    loops = _loops(_sides(mask))
    first = loops[0]
    bridged = [point for loop in loops[1:] for point in (first[0], *loop, loop[0])]
    return [*first, *bridged]


def _sides(mask: NDArray[np.bool_]) -> dict[Point, list[Point]]:
    """The border's sides, each from its beginning to its end."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    found: dict[Point, list[Point]] = {}
    for (ax, ay), (bx, by), (sx, sy) in _SIDES:
        beyond = padded[1 + sy : 1 + sy + height, 1 + sx : 1 + sx + width]
        for y, x in np.argwhere(mask & ~beyond).tolist():
            found.setdefault((x + ax, y + ay), []).append((x + bx, y + by))
    return found


def _loops(sides: dict[Point, list[Point]]) -> list[list[Point]]:
    """Closed walks along the sides, without the corners that lie on a straight line; the topmost left one first."""
    loops = []
    for start in sorted(sides, key=lambda point: (point[1], point[0])):
        while sides[start]:
            walk = [start]
            while (at := sides[walk[-1]].pop()) != start:
                walk.append(at)
            loops.append(_corners(walk))
    return loops


def _corners(walk: list[Point]) -> list[Point]:
    turns = zip([walk[-1], *walk[:-1]], walk, [*walk[1:], walk[0]], strict=True)
    return [at for before, at, after in turns if (before[0] == at[0]) != (at[0] == after[0])]
