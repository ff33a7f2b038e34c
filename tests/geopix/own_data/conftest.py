"""Small rasters with one-metre pixels, and polygons given in their pixels."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from rasterio.warp import transform_geom

UTM = "EPSG:32633"
WEST, NORTH = 500_000.0, 5_600_000.0


def square(x: int, y: int, side: int) -> list[tuple[int, int]]:
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]


class Site:
    """A folder of rasters and polygons."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def raster(self, name: str, *, side: int = 64, east: float = 0.0, crs: str | None = UTM, **profile: Any) -> Path:
        """Writes a GeoTIFF of random pixels whose left side is so many metres east of the site's corner."""
        kind, count = profile.pop("dtype", "uint8"), profile.pop("count", 3)
        pixels = profile.pop("pixels", None)
        if pixels is None:
            pixels = np.random.default_rng(0).integers(1, 256, (count, side, side)).astype(kind)
        place = {"transform": Affine(1, 0, WEST + east, 0, -1, NORTH), "crs": crs} if crs else {}
        path = self.folder / "rasters" / f"{name}.tif"
        path.parent.mkdir(exist_ok=True)
        size = {"height": side, "width": side, "count": count, "dtype": kind}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", driver="GTiff", **size, **place, **profile) as file:
                file.write(pixels)
        return path

    def polygons(
        self, things: Sequence[tuple[str, Any]], name: str = "things.geojson", crs: str = UTM, **more: Any
    ) -> Path:
        """Writes polygons, each a class with a ring in pixels of the site, or a geometry as it stands."""
        features = [
            {
                "type": "Feature",
                "properties": {"category": category, **more},
                "geometry": _geometry(outline, crs),
            }
            for category, outline in things
        ]
        head = {} if crs == "EPSG:4326" else {"crs": {"type": "name", "properties": {"name": crs}}}
        path = self.folder / name
        path.write_text(json.dumps({"type": "FeatureCollection", **head, "features": features}))
        return path


def _geometry(outline: Any, crs: str) -> Any:
    if not isinstance(outline, list):
        return outline
    ring = [(WEST + x, NORTH - y) for x, y in outline]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return geometry if crs == UTM else transform_geom(UTM, crs, geometry)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)
