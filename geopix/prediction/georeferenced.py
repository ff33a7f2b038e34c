"""Masks on the ground: a label GeoTIFF and a GeoJSON in the scene's own coordinate reference system."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.features import shapes
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from geopix.prediction.scene_masks import SceneMask
from geopix.prediction.tiles import Window

#: Columns that are held in memory at a time, and the side of a GeoTIFF's blocks.
STRIPE = 256
Ring = list[tuple[float, float]]


@dataclass(frozen=True)
class Georeference:
    """Where a scene lies.

    Attributes:
        crs: the coordinate reference system.
        transform: from pixel corners (x right, y down) to its coordinates.
    """

    crs: CRS
    transform: Affine

    @classmethod
    def of(cls, dataset: Any) -> "Georeference | None":
        """Returns what a rasterio dataset says; None without a reference system or a transform."""
        if dataset.crs is None or dataset.transform.is_identity:
            return None
        return cls(dataset.crs, dataset.transform)

    @property
    def name(self) -> str | None:
        """The system's name as GeoJSON's `crs` has it; None for longitude and latitude, which need none."""
        if self.crs.to_epsg() == 4326:
            return None
        authority = self.crs.to_authority()
        return "urn:ogc:def:crs:{}::{}".format(*authority) if authority else str(self.crs.to_wkt())


def write_labels(path: Path, masks: Sequence[SceneMask], size: tuple[int, int], place: Georeference) -> None:
    """Writes a GeoTIFF whose pixels hold a mask's number, from 1 on, and 0 outside; the first mask wins where two lie.

    Args:
        path: the file; written beside its place and renamed.
        masks: the masks.
        size: the scene's height and width.
        place: where the scene lies.
    """
    height, width = size
    kind = np.uint16 if len(masks) < 2**16 else np.uint32
    profile = _profile(size, kind) | {"crs": place.crs, "transform": place.transform, "nodata": 0}
    with beside(path) as temporary, rasterio.open(temporary, "w", **profile) as file:
        for x in range(0, width, STRIPE):
            stripe = Window(x, 0, min(STRIPE, width - x), height)
            labels = np.zeros((height, stripe.width), dtype=kind)
            for number, mask in enumerate(masks, 1):
                if mask.window and mask.window.shared(stripe):
                    labels[mask.inside(stripe) & (labels == 0)] = number
            file.write(labels, 1, window=((0, height), (x, stripe.right)))


def write_geojson(path: Path, masks: Sequence[SceneMask], place: Georeference, about: Mapping[str, Any]) -> None:
    """Writes a feature a mask: its pixels' outline as polygons with holes, its number and its area.

    Coordinates are those of the scene's own system, named in the member `crs` of GeoJSON's first edition (2008), which
    GDAL and QGIS read. RFC 7946 knows longitude and latitude (WGS 84) alone; a scene in EPSG:4326 gives a file that
    follows it. Outer rings run counter-clockwise, holes clockwise.

    Args:
        path: the file; written beside its place and renamed.
        masks: the masks.
        place: where the scene lies.
        about: further properties of every feature.
    """
    head: dict[str, Any] = {"type": "FeatureCollection"}
    if place.name:
        head["crs"] = {"type": "name", "properties": {"name": place.name}}
    with beside(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [')
        for number, mask in enumerate(masks, 1):
            feature = {
                "type": "Feature",
                "properties": {"mask": number, "pixels": mask.area, **about},
                "geometry": {"type": "MultiPolygon", "coordinates": polygons(mask, place.transform)},
            }
            file.write((",\n" if number > 1 else "\n") + json.dumps(feature, ensure_ascii=False))
        file.write("\n]}\n")


def polygons(mask: SceneMask, transform: Affine) -> list[list[Ring]]:
    """Returns a mask's outline: for each part that hangs together by sides, the outer ring and those of its holes.

    Args:
        mask: the mask.
        transform: from pixel corners to the coordinates that are returned.
    """
    if mask.window is None:
        return []
    box = mask.window
    moved = _moved(transform, box.x, box.y)
    with MemoryFile() as memory:
        # Compressed and read line by line, so that a mask as large as the scene is never whole in memory.
        with memory.open(**_profile((box.height, box.width), np.uint8), transform=moved) as file:
            for stripe, pixels in mask.stripes(STRIPE):
                columns = (stripe.x - box.x, stripe.right - box.x)
                file.write(pixels.astype(np.uint8), 1, window=((0, box.height), columns))
        with memory.open() as file:
            band = rasterio.band(file, 1)
            found = shapes(band, mask=band, connectivity=4, transform=moved)
            return [list(_oriented(shape["coordinates"])) for shape, _ in found]


def _moved(transform: Affine, x: int, y: int) -> Affine:
    """The transform of a window that begins at a pixel."""
    a, b, c, d, e, f = transform[:6]
    return Affine(a, b, a * x + b * y + c, d, e, d * x + e * y + f)


def _profile(size: tuple[int, int], kind: Any) -> dict[str, Any]:
    blocks = {"tiled": True, "blockxsize": STRIPE, "blockysize": STRIPE}
    return {
        "driver": "GTiff",
        "height": size[0],
        "width": size[1],
        "count": 1,
        "dtype": np.dtype(kind).name,
        "compress": "deflate",
        "bigtiff": "if_safer",
        **blocks,
    }


def _oriented(rings: Sequence[Ring]) -> Iterator[Ring]:
    for number, ring in enumerate(rings):
        outer_or_hole = _signed_area(ring) > 0
        yield ring if outer_or_hole == (number == 0) else ring[::-1]


def _signed_area(ring: Ring) -> float:
    """Twice the area of a closed ring, positive when it runs counter-clockwise; x right, y up."""
    x, y = (np.array(ring) - ring[0]).T  # near zero: coordinates in metres are large, and pixels small
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Gives a name beside a file, which takes the file's place when all went well."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
