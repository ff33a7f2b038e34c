"""Masks as polygons, for benchmarks that keep theirs so."""

import numpy as np
from numpy.typing import NDArray


def outline(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Returns the corners (x, y) of a mask's rows, their left sides down and their right sides up.

    A polygon of these has all of the mask's pixels, and those of hollows at its sides as well.

    Args:
        mask: bool[H, W] with at least one pixel.

    >>> import numpy as np
    >>> outline(np.array([[False, True], [False, False]]))
    [(1, 0), (1, 1), (2, 1), (2, 0)]
    """
    rows = np.flatnonzero(mask.any(axis=1)).tolist()
    left = mask[rows].argmax(axis=1).tolist()
    right = (mask.shape[1] - mask[rows, ::-1].argmax(axis=1)).tolist()
    down = [(x, y + part) for x, y in zip(left, rows, strict=True) for part in (0, 1)]
    up = [(x, y + part) for x, y in zip(right[::-1], rows[::-1], strict=True) for part in (1, 0)]
    return down + up
