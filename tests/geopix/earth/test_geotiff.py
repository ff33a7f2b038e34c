"""Mini Earth as GeoTIFFs: the polygons on the ground have exactly the masks' pixels."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.warp import transform_geom

from geopix.earth.make import make_earth
from geopix.earth.scene import make_scene
from geopix.earth.seeds import seed_of
from harness.errors import EnvironmentProblem


def test_polygons_are_the_masks_and_scenes_lie_apart(tmp_path: Path) -> None:
    make_earth(tmp_path / "e", seed=5, images=3, size=96, splits=(("train", 2), ("new", 1)), formats=("geotiff",))
    folder = tmp_path / "e" / "GeoTIFF"
    assert sorted(path.name for path in folder.iterdir()) == ["new", "new.geojson", "train", "train.geojson"]
    features = json.loads((folder / "train.geojson").read_text())["features"]
    bounds = []
    for index, file in enumerate(sorted((folder / "train").iterdir())):
        scene = make_scene(seed_of(5, "train", index), 96)
        own = [feature for feature in features if feature["properties"]["scene"] == file.stem]
        assert len(own) == len(scene.instances)
        with rasterio.open(file) as raster:
            assert (np.moveaxis(raster.read(), 0, -1) == scene.image).all()
            bounds.append(raster.bounds)
            for feature, instance in zip(own, scene.instances, strict=True):
                shape = transform_geom("EPSG:4326", raster.crs, feature["geometry"])
                pixels = rasterize([shape], out_shape=raster.shape, transform=raster.transform)
                assert (pixels.astype(bool) == instance.mask).all()
                assert feature["properties"]["phrase"] == f"every {instance.color} {instance.category}"
    first, second = sorted(bounds)
    assert first.right < second.left


def test_without_rasterio_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(EnvironmentProblem, match=r"pip install 'geopix\[geo\]'"):
        make_earth(tmp_path / "e", seed=5, images=1, size=64, splits=(("train", 1),), formats=("geotiff",))
