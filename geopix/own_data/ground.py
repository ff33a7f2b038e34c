"""From polygons on the ground to a raster's pixels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.transform import Affine
from rasterio.warp import transform, transform_bounds

from geopix.own_data.polygons import Layer, Polygon
from geopix.own_data.rasters import Raster
from harness.errors import DataError

Points = npt.NDArray[np.float64]
LONGITUDE_LATITUDE = "EPSG:4326"


def applied(affine: Affine, points: Points) -> Points:
    """Returns points float[N, 2] moved by an affine transform.

    >>> applied(Affine(2, 0, 10, 0, -2, 50), np.array([[1.0, 3.0]])).tolist()
    [[12.0, 44.0]]
    """
    a, b, c, d, e, f = affine[:6]
    x, y = points.T
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)


def transformed(source: CRS, target: CRS | str, points: Points) -> Points:
    """Returns points float[N, 2] of one system in another; infinite where they have no place there.

    Raises:
        DataError: nothing leads from one to the other.
    """
    with _leading(source, target):
        return np.stack(transform(source, target, points[:, 0], points[:, 1]), axis=1)


@contextmanager
def _leading(source: CRS, target: CRS | str) -> Iterator[None]:
    try:
        yield
    except (RasterioError, CRSError, CPLE_BaseError) as error:
        raise DataError(
            f"nothing leads from the coordinate reference system {str(source)[:60]} to {str(target)[:60]}. "
            "Save the polygons in the raster's system, and the raster in one that lies on the earth."
        ) from error


def drawn(layer: Layer, raster: Raster) -> list[tuple[Polygon, Any]]:
    """Returns the polygons that lie in a raster, wholly or in part, in the raster's pixels (x right, y down).

    Corners are brought to the raster's system, as GIS programs do; the sides between them stay straight. A polygon that
    has no place in that system does not lie in the raster.

    Raises:
        DataError: nothing leads from one system to the other.
    """
    near = layer.tree.query(shapely.box(*_bounds(raster, layer.crs)))
    move = _mover(layer.crs, raster)
    moved = [(layer.polygons[at], shapely.transform(layer.polygons[at].shape, move)) for at in sorted(near.tolist())]
    frame = shapely.box(0, 0, raster.width, raster.height)
    return [(polygon, shape) for polygon, shape in moved if np.isfinite(shape.bounds).all() and shape.intersects(frame)]


def _bounds(raster: Raster, crs: CRS) -> tuple[float, float, float, float]:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [raster.width, raster.height]
    here = applied(raster.place.transform, corners)
    with _leading(raster.place.crs, crs):
        west, south, east, north = transform_bounds(raster.place.crs, crs, *here.min(axis=0), *here.max(axis=0))
    if west > east:  # across the line where longitudes begin anew
        west, east = -180.0, 180.0
    return west, south, east, north


def _mover(crs: CRS, raster: Raster) -> Callable[[Points], Points]:
    to_pixels = ~raster.place.transform

    def move(points: Points) -> Points:
        own = points if crs == raster.place.crs else transformed(crs, raster.place.crs, points)
        return applied(to_pixels, own)

    return move
