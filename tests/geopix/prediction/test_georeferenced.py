"""Masks on the ground: exact areas and places, valid polygons, right holes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely.geometry import MultiPolygon, shape

from geopix.prediction.georeferenced import Georeference, polygons, write_geojson, write_labels
from geopix.prediction.scene_masks import SceneMask
from geopix.prediction.tiles import Window

PLACE = Georeference(CRS.from_epsg(32633), Affine(10, 0, 500_000, 0, -10, 5_400_000))
SIZE = (40, 600)


def mask_of(pixels: npt.NDArray[np.bool_], x: int = 0, y: int = 0, size: tuple[int, int] = SIZE) -> SceneMask:
    return SceneMask.placed(pixels, Window(x, y, pixels.shape[1], pixels.shape[0]), size)


def ring(outer: int, hole: int) -> npt.NDArray[np.bool_]:
    pixels = np.ones((outer, outer), np.bool_)
    start = (outer - hole) // 2
    pixels[start : start + hole, start : start + hole] = False
    return pixels


@given(
    st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=6, max_size=6).map(np.array),
    st.sampled_from([PLACE.transform, Affine(2, 1, 7, 1, -3, 5), Affine(1, 0, 3, 0, 1, 0)]),
)
@settings(max_examples=60, deadline=None)
def test_polygons_are_valid_and_fill_the_mask_exactly(pixels: npt.NDArray[np.bool_], transform: Affine) -> None:
    drawn = shape({"type": "MultiPolygon", "coordinates": polygons(mask_of(pixels, size=(6, 6)), transform)})
    assert drawn.is_valid
    assert drawn.area == pytest.approx(pixels.sum() * abs(transform.determinant))
    if pixels.any():
        again = rasterize([drawn], out_shape=pixels.shape, transform=transform)
        assert np.array_equal(again.astype(bool), pixels)
    for part in drawn.geoms:
        assert part.exterior.is_ccw
        assert not any(hole.is_ccw for hole in part.interiors)


def test_a_hole_is_a_hole_and_an_island_in_it_a_part_of_its_own() -> None:
    pixels = ring(9, 5)
    pixels[4, 4] = True
    (outer, hole), (island,) = sorted(polygons(mask_of(pixels, x=550, y=20), PLACE.transform), key=len, reverse=True)
    drawn = shape({"type": "Polygon", "coordinates": [outer, hole]})
    assert drawn.area == (81 - 25) * 100
    assert drawn.bounds == (505_500, 5_399_710, 505_590, 5_399_800)
    assert shape({"type": "Polygon", "coordinates": [island]}).bounds == (505_540, 5_399_750, 505_550, 5_399_760)


def test_a_mask_over_several_stripes_is_one_polygon() -> None:
    (rings,) = polygons(mask_of(np.ones((2, 590), np.bool_), x=5, y=7), PLACE.transform)
    assert shape({"type": "Polygon", "coordinates": rings}).bounds == (500_050, 5_399_910, 505_950, 5_399_930)


def test_labels_have_the_scene_s_place_and_the_first_mask_wins(tmp_path: Path) -> None:
    masks = [
        mask_of(np.ones((4, 300), np.bool_), 100, 3),
        mask_of(np.ones((4, 4), np.bool_), 398, 5),
        mask_of(ring(9, 5)),
    ]
    write_labels(tmp_path / "labels.tif", masks, SIZE, PLACE)
    with rasterio.open(tmp_path / "labels.tif") as file:
        labels = file.read(1)
        assert (file.crs, file.transform, file.nodata, file.dtypes) == (PLACE.crs, PLACE.transform, 0, ("uint16",))
    expected = np.zeros(SIZE, np.uint16)
    expected[:9, :9][ring(9, 5)] = 3
    expected[5:9, 398:402] = 2
    expected[3:7, 100:400] = 1
    assert np.array_equal(labels, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.tif"]


def geojson(path: Path, masks: list[SceneMask], place: Georeference) -> dict[str, Any]:
    write_geojson(path, masks, place, {"question": 'Segment "Häuser".'})
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def test_geojson_names_the_scene_s_own_system(tmp_path: Path) -> None:
    found = geojson(tmp_path / "a.geojson", [mask_of(ring(3, 1)), mask_of(np.zeros((2, 2), np.bool_))], PLACE)
    assert found["crs"] == {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    first, second = found["features"]
    assert first["properties"] == {"mask": 1, "pixels": 8, "question": 'Segment "Häuser".'}
    assert shape(first["geometry"]).area == 800
    assert shape(second["geometry"]) == MultiPolygon()


def test_longitude_and_latitude_need_no_name_and_a_system_without_number_is_spelt_out(tmp_path: Path) -> None:
    degrees = Georeference(CRS.from_epsg(4326), Affine(0.5, 0, 10, 0, -0.5, 50))
    found = geojson(tmp_path / "a.geojson", [mask_of(np.ones((1, 2), np.bool_), x=3)], degrees)
    assert "crs" not in found
    assert shape(found["features"][0]["geometry"]).bounds == (11.5, 49.5, 12.5, 50)
    local = Georeference(CRS.from_proj4("+proj=laea +lat_0=50 +lon_0=9 +ellps=GRS80 +units=m"), PLACE.transform)
    name = geojson(tmp_path / "b.geojson", [], local)["crs"]["properties"]["name"]
    assert CRS.from_user_input(name) == local.crs


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geopix.prediction import georeferenced

    monkeypatch.setattr(georeferenced, "polygons", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_geojson(tmp_path / "a.geojson", [mask_of(ring(3, 1))], PLACE, {})
    assert list(tmp_path.iterdir()) == []
