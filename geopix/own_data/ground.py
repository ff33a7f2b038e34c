"""From polygons on the ground to a raster's pixels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import transform, transform_bounds

from geopix.own_data.polygons import Layer, Polygon
from geopix.own_data.rasters import Raster

Points = npt.NDArray[np.float64]


def applied(affine: Affine, points: Points) -> Points:
    """Returns points float[N, 2] moved by an affine transform.

    >>> applied(Affine(2, 0, 10, 0, -2, 50), np.array([[1.0, 3.0]])).tolist()
    [[12.0, 44.0]]
    """
    a, b, c, d, e, f = affine[:6]
    x, y = points.T
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)


def drawn(layer: Layer, raster: Raster) -> list[tuple[Polygon, Any]]:
    """Returns a layer's polygons that may lie in a raster, each in the raster's pixels (x right, y down).

    Corners are brought to the raster's system, as GIS programs do; the sides between them stay straight.
    """
    near = layer.tree.query(shapely.box(*_bounds(raster, layer.crs)))
    move = _mover(layer.crs, raster)
    moved = [(layer.polygons[at], shapely.transform(layer.polygons[at].shape, move)) for at in sorted(near.tolist())]
    frame = shapely.box(0, 0, raster.width, raster.height)
    return [(polygon, shape) for polygon, shape in moved if shape.intersects(frame)]


def _bounds(raster: Raster, crs: CRS) -> tuple[float, float, float, float]:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [raster.width, raster.height]
    here = applied(raster.place.transform, corners)
    low, high = here.min(axis=0), here.max(axis=0)
    west, south, east, north = transform_bounds(raster.place.crs, crs, *low, *high)
    if west > east:  # across the line where longitudes begin anew
        west, east = -180.0, 180.0
    return west, south, east, north


def _mover(crs: CRS, raster: Raster) -> Callable[[Points], Points]:
    to_pixels = ~raster.place.transform

    def move(points: Points) -> Points:
        if crs != raster.place.crs:
            x, y = transform(crs, raster.place.crs, points[:, 0], points[:, 1])
            points = np.stack([x, y], axis=1)
        return applied(to_pixels, points)

    return move
