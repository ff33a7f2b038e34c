"""Tiles and the masks in them: polygons clipped to a tile, and slivers left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.features import rasterize
from rasterio.transform import Affine

from geopix.own_data.places import Place
from geopix.own_data.polygons import Polygon
from geopix.prediction.scenes import Sight
from geopix.prediction.tiles import Tiling, Window
from harness.masks import encode
from harness.records import Mask

Drawn = Sequence[tuple[Polygon, Any]]


@dataclass(frozen=True)
class SliverRule:
    """Which parts of a polygon are worth asking about.

    A part is kept when it has at least `pixels` pixels, and either `share` of the whole polygon's area or `of_tile` of
    the tile's: most of a ship, or a good piece of a lake.

    Attributes:
        pixels: the fewest pixels.
        share: of the polygon's area.
        of_tile: of the tile's pixels.
    """

    pixels: int = 16
    share: float = 0.25
    of_tile: float = 0.05

    def keeps(self, part: int, whole: float, tile: int) -> bool:
        """Says whether a part is kept.

        >>> rule = SliverRule()
        >>> rule.keeps(30, 100.0, 10_000), rule.keeps(20, 1000.0, 10_000), rule.keeps(500, 1e6, 10_000)
        (True, False, True)

        Args:
            part: its pixels.
            whole: the area of the whole polygon in pixels.
            tile: the tile's pixels.
        """
        return part >= self.pixels and (part >= self.share * whole or part >= self.of_tile * tile)


@dataclass(frozen=True, eq=False)
class Spot:
    """A tile that is to be cut.

    Attributes:
        place: the place it is cut from.
        window: where, in the raster's pixels.
        drawn: the polygons that touch it, in the raster's pixels.
    """

    place: Place
    window: Window
    drawn: Drawn


@dataclass(frozen=True)
class Target:
    """What a tile shows of a polygon.

    Attributes:
        polygon: the polygon.
        mask: its pixels.
        box: x, y, width, height.
        pixels: how many.
    """

    polygon: Polygon
    mask: Mask
    box: tuple[int, int, int, int]
    pixels: int


@dataclass(frozen=True)
class Truth:
    """What a tile shows.

    Attributes:
        targets: what can be asked about, in the polygons' order.
        touched: the classes of all polygons that touch the tile, slivers too: none of them is absent.
    """

    targets: tuple[Target, ...]
    touched: frozenset[str]


def spots(places: Sequence[Place], drawn: Drawn, tiling: Tiling, overlapping: frozenset[str]) -> Iterator[Spot]:
    """Yields the tiles of a raster's places; none crosses from one place into another.

    Args:
        places: the places of one raster.
        drawn: the polygons in its pixels.
        tiling: the tiles' side and overlap.
        overlapping: the splits whose tiles overlap; in others they lie side by side.
    """
    tree = shapely.STRtree([shape for _, shape in drawn])
    for place in places:
        cut = tiling if place.split in overlapping else Tiling(tiling.side, 0)
        for window in cut.windows(place.window.width, place.window.height):
            here = Window(place.window.x + window.x, place.window.y + window.y, window.width, window.height)
            hits = tree.query(shapely.box(here.x, here.y, here.right, here.bottom), predicate="intersects")
            yield Spot(place, here, [drawn[at] for at in sorted(hits.tolist())])


def look(spot: Spot, sight: Sight, rule: SliverRule) -> Truth:
    """Returns what a tile shows: a polygon's pixels are those whose middles lie in it and which have data."""
    targets = []
    for polygon, shape in spot.drawn:
        pixels = _pixels(shape, spot.window)
        if sight.valid is not None:
            pixels &= sight.valid
        count = int(pixels.sum())
        if rule.keeps(count, shape.area, pixels.size):
            targets.append(Target(polygon, encode(pixels), _box(pixels), count))
    return Truth(tuple(targets), frozenset(polygon.category for polygon, _ in spot.drawn))


def _pixels(shape: Any, window: Window) -> npt.NDArray[np.bool_]:
    filled = rasterize(
        [(shape, 1)],
        out_shape=(window.height, window.width),
        transform=Affine.translation(window.x, window.y),
        dtype="uint8",
    )
    return np.asarray(filled, dtype=np.bool_)


def _box(pixels: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
