"""What the tiles of a scene say, joined: masks and boxes of one object are cut by tiles and made whole again.

Two masks of different tiles are one target when they agree where both tiles look: they share at least half of the
smaller one's pixels in the overlap. A target is the union of its masks. Without an overlap nothing is joined.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import TypeVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geopix.prediction.scene_masks import SceneMask, union
from geopix.prediction.tiles import Window

#: Of the smaller part's pixels in the overlap, the share that both must have.
AGREEMENT = 0.5

Box = tuple[float, float, float, float]
Part = TypeVar("Part")


@dataclass(frozen=True)
class TileAnswer:
    """What the model says about one tile.

    Attributes:
        window: where the tile is.
        text: the answer.
        tokens: how many tokens were generated.
        reason: why some segmentation tokens stand for no mask; None when all do.
        masks: the masks, in the scene's pixels.
        boxes: the boxes that the text speaks, in the scene's pixels.
    """

    window: Window
    text: str
    tokens: int
    reason: str | None
    masks: tuple[SceneMask, ...]
    boxes: tuple[Box, ...]


def merge_masks(tiles: Sequence[TileAnswer]) -> tuple[SceneMask, ...]:
    """Returns the targets of a scene, in the order of their first tiles; masks without a pixel are left out.

    A single tile's masks come back as they are, empty ones too.
    """
    if len(tiles) == 1:
        return tiles[0].masks
    parts = [[mask for mask in tile.masks if mask.area] for tile in tiles]
    groups = _groups(tiles, parts, _masks_agree)
    return tuple(union(group) for group in groups)


def merge_boxes(tiles: Sequence[TileAnswer]) -> tuple[Box, ...]:
    """Returns the spoken boxes of a scene; those that agree become the box around them."""
    if len(tiles) == 1:
        return tiles[0].boxes
    groups = _groups(tiles, [tile.boxes for tile in tiles], _boxes_agree)
    return tuple(_around(group) for group in groups)


def _groups(
    tiles: Sequence[TileAnswer],
    parts: Sequence[Sequence[Part]],
    agree: Callable[[Part, Part, Window], bool],
) -> list[list[Part]]:
    """Groups the parts that agree with one another, directly or through others."""
    number = count()
    numbers = [[next(number) for _ in ours] for ours in parts]
    pairs = [
        (numbers[one][i], numbers[other][j])
        for one, other, shared in _neighbours([tile.window for tile in tiles])
        for (i, a), (j, b) in product(enumerate(parts[one]), enumerate(parts[other]))
        if agree(a, b, shared)
    ]
    everything = [part for ours in parts for part in ours]
    total = len(everything)
    if not total:
        return []
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(total, total))
    _, labels = connected_components(graph, directed=False)
    groups: dict[int, list[Part]] = {}
    for label, part in zip(labels.tolist(), everything, strict=True):
        groups.setdefault(label, []).append(part)
    return list(groups.values())


def _neighbours(windows: Sequence[Window]) -> Iterator[tuple[int, int, Window]]:
    """Yields pairs of tiles that overlap, and the window they share; tiles come row by row."""
    for one, window in enumerate(windows):
        for other in range(one + 1, len(windows)):
            if windows[other].y >= window.bottom:
                break
            if shared := window.shared(windows[other]):
                yield one, other, shared


def _masks_agree(one: SceneMask, other: SceneMask, shared: Window) -> bool:
    place = _common(one.window, other.window, shared)
    if place is None:
        return False
    a, b = one.inside(shared), other.inside(shared)
    return bool((a & b).sum() >= max(1, AGREEMENT * min(a.sum(), b.sum())))


def _common(*windows: Window | None) -> Window | None:
    first, *others = windows
    for other in others:
        first = first.shared(other) if first and other else None
    return first


def _boxes_agree(one: Box, other: Box, shared: Window) -> bool:
    a, b = _clipped(one, shared), _clipped(other, shared)
    both = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return 0 < _area(both) >= AGREEMENT * min(_area(a), _area(b))


def _clipped(box: Box, window: Window) -> Box:
    x0, y0, x1, y1 = box
    return max(x0, window.x), max(y0, window.y), min(x1, window.right), min(y1, window.bottom)


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def _around(boxes: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)
