"""What belongs to which split: whole rasters or blocks of them, so that no ground is in two splits."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geopix.own_data.ground import LONGITUDE_LATITUDE, applied, transformed
from geopix.own_data.rasters import Raster
from geopix.prediction.tiles import Window
from harness.errors import ConfigurationError

Shares = tuple[tuple[str, int], ...]
#: Points a side by which a footprint is brought to longitude and latitude, where its sides may be bent.
POINTS_A_SIDE = 16
#: Of the smaller one's area, what two footprints may share by rounding alone.
TOUCHING = 1e-6


@dataclass(frozen=True, eq=False)
class Place:
    """A raster, or a block of one: all of it belongs to one split.

    Attributes:
        raster: the raster.
        window: which part of it.
        split: the split.
        group: the name of the first of the places that lie on common ground; samples of one group are not independent.
    """

    raster: Raster
    window: Window
    split: str
    group: str


def split_places(rasters: Sequence[Raster], shares: Shares, *, block: int | None, tile: int, seed: int) -> list[Place]:
    """Returns the places of all rasters, each with its split.

    Places on common ground, as where two rasters overlap, go together. The order in which such groups are dealt out
    depends on the seed and their names alone; each goes to the split that lacks most of its share of the pixels, and no
    split is left empty.

    Args:
        rasters: the rasters.
        shares: the splits' names with their shares.
        block: the side in pixels of the blocks that rasters are parted into; None for whole rasters.
        tile: a tile's side; no block has a shorter one where the raster allows.
        seed: decides the order.

    Raises:
        ConfigurationError: there are fewer groups than splits.
    """
    parts = [(raster, window) for raster in rasters for window in _blocks(raster, block, tile)]
    names = [_name(raster, window, block) for raster, window in parts]
    labels = _on_common_ground(parts)
    members: dict[int, list[int]] = {}
    for at, label in enumerate(labels):
        members.setdefault(label, []).append(at)
    _check_enough(len(members), len(rasters), shares, block)
    groups = {names[own[0]]: own for own in members.values()}
    sizes = {name: sum(parts[at][1].width * parts[at][1].height for at in own) for name, own in groups.items()}
    dealt = deal(sizes, shares, seed)
    group_of = {at: name for name, own in groups.items() for at in own}
    return [Place(*part, dealt[group_of[at]], group_of[at]) for at, part in enumerate(parts)]


def deal(sizes: dict[str, int], shares: Shares, seed: int) -> dict[str, str]:
    """Returns the split of each group.

    >>> sorted(deal(dict.fromkeys("abcd", 10), (("train", 1), ("test", 1)), 0).values())
    ['test', 'test', 'train', 'train']

    Args:
        sizes: each group's pixels, by its name; as many groups as splits or more.
        shares: the splits with their shares.
        seed: decides the order in which groups are dealt out.
    """
    total, whole = sum(share for _, share in shares), sum(sizes.values())
    lacking = {split: share / total * whole for split, share in shares}
    empty = set(lacking)
    dealt: dict[str, str] = {}
    order = sorted(sizes, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    for number, name in enumerate(order):
        open_to = empty if len(order) - number <= len(empty) else lacking.keys()
        split = max((split for split, _ in shares if split in open_to), key=lambda split: lacking[split])
        dealt[name] = split
        lacking[split] -= sizes[name]
        empty.discard(split)
    return dealt


def _blocks(raster: Raster, block: int | None, tile: int) -> Iterator[Window]:
    if block is None:
        yield Window(0, 0, raster.width, raster.height)
        return
    for y, bottom in _steps(raster.height, block, tile):
        for x, right in _steps(raster.width, block, tile):
            yield Window(x, y, right - x, bottom - y)


def _steps(length: int, block: int, tile: int) -> Iterator[tuple[int, int]]:
    """Where blocks begin and end along a side; a rest shorter than a tile belongs to the block before it."""
    starts = [start for start in range(0, length, block) if start == 0 or length - start >= tile]
    yield from zip(starts, [*starts[1:], length], strict=True)


def _name(raster: Raster, window: Window, block: int | None) -> str:
    return raster.name if block is None else f"{raster.name} at {window.x},{window.y}"


def _on_common_ground(parts: Sequence[tuple[Raster, Window]]) -> list[int]:
    """A number for each part, the same for those of different rasters that overlap, directly or through others."""
    outlines = [_outline(raster, window) for raster, window in parts]
    ones, others = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    pairs = [
        (one, other)
        for one, other in zip(ones.tolist(), others.tolist(), strict=True)
        if one < other and parts[one][0] is not parts[other][0] and _share_ground(outlines[one], outlines[other])
    ]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(len(parts), len(parts)))
    return [int(label) for label in connected_components(graph, directed=False)[1]]


def _outline(raster: Raster, window: Window) -> shapely.Polygon:
    """A window's outline in longitude and latitude."""
    along = np.linspace(0, 1, POINTS_A_SIDE, endpoint=False)
    ones, zeros = np.ones(POINTS_A_SIDE), np.zeros(POINTS_A_SIDE)
    across = np.concatenate([along, ones, 1 - along, zeros]) * window.width + window.x
    down = np.concatenate([zeros, along, ones, 1 - along]) * window.height + window.y
    corners = applied(raster.place.transform, np.stack([across, down], axis=1))
    return shapely.Polygon(transformed(raster.place.crs, LONGITUDE_LATITUDE, corners))


def _share_ground(one: shapely.Polygon, other: shapely.Polygon) -> bool:
    return bool(one.intersection(other).area > TOUCHING * min(one.area, other.area))


def _check_enough(groups: int, rasters: int, shares: Shares, block: int | None) -> None:
    if groups >= len(shares):
        return
    splits = ", ".join(name for name, _ in shares)
    parts = "rasters" if block is None else "blocks"
    why = " (those that overlap on the ground go together)" if groups < rasters or block is not None else ""
    advice = (
        "Part them into blocks with --block 2048, for example"
        if block is None
        else "Choose smaller blocks with --block"
    )
    raise ConfigurationError(
        f"--splits: {groups} separate {parts}{why} cannot fill {len(shares)} splits ({splits}). {advice}, or ask for "
        "fewer splits."
    )
