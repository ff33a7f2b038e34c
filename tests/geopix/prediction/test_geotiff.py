"""GeoTIFFs as scenes: bands, values, missing data, and how much of a file is read."""

import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp

from geopix.prediction import scenes
from geopix.prediction.scenes import Reading, measured, open_scene
from geopix.prediction.stretch import Percentiles, ValueRange
from geopix.prediction.tiles import Window
from harness.errors import EnvironmentProblem, SampleError

RED, GREEN, BLUE = ColorInterp.red, ColorInterp.green, ColorInterp.blue


def pixels(path: Path, how: Reading | None = None) -> list[Any]:
    with open_scene(path, how or Reading()) as scene:
        shown = np.asarray(scene.read(Window(0, 0, scene.width, scene.height)).picture)
    return shown.tolist()  # type: ignore[no-any-return]


def notes(path: Path, how: Reading | None = None) -> tuple[str, ...]:
    with open_scene(path, how or Reading()) as scene:
        return scene.notes


def test_bands_are_chosen_in_the_order_given(write_geotiff: Any) -> None:
    path = write_geotiff(np.arange(1, 6, dtype=np.uint8).reshape(5, 1, 1) * np.ones((1, 2, 2), np.uint8))
    assert pixels(path, Reading(bands=(4, 3, 2)))[0][0] == [4, 3, 2]
    assert pixels(path, Reading(bands=(5,)))[0][0] == [5, 5, 5]
    assert pixels(path)[0][0] == [1, 2, 3]
    assert notes(path)[0] == "bands 1,2,3 of 5 were read; choose with --bands"
    with pytest.raises(SampleError, match=r"scene.tif: has 5 bands, and no band 6. Choose others with --bands"):
        pixels(path, Reading(bands=(6, 1, 2)))


def test_the_file_s_own_colours_come_first(write_geotiff: Any) -> None:
    bands = np.array([[[10]], [[20]], [[30]], [[40]]], np.uint8)
    named = write_geotiff(bands, colorinterp=(BLUE, GREEN, RED, ColorInterp.undefined))
    assert pixels(named)[0][0] == [30, 20, 10]
    grey = write_geotiff(bands[:2], "grey.tif")
    assert pixels(grey)[0][0] == [10, 10, 10]


def test_sixteen_bits_are_stretched_by_percentiles_or_a_range(write_geotiff: Any) -> None:
    ramp = np.arange(101, dtype=np.uint16).reshape(1, 1, 101) * 100
    path = write_geotiff(ramp)
    shown = [pixel[0] for pixel in pixels(path)[0]]
    # From the 2nd percentile, 200, to the 98th, 9800.
    assert shown == [min(max(round((value - 200) * 255 / 9600), 0), 255) for value in range(0, 10_001, 100)]
    assert notes(path) == ("values stretched to 8 bits: 200 to 9800",)
    ranged = [pixel[0] for pixel in pixels(path, Reading(stretch=ValueRange(0, 20_000)))[0]]
    assert ranged[0] == 0
    assert ranged[-1] == 128
    eight = write_geotiff(np.array([[[0, 50, 100]]], np.uint8), "eight.tif")
    assert [pixel[0] for pixel in pixels(eight)[0]] == [0, 50, 100]
    assert [pixel[0] for pixel in pixels(eight, Reading(stretch=Percentiles(0, 100)))[0]] == [0, 128, 255]


def test_missing_data_is_black_and_takes_no_part_in_the_stretch(write_geotiff: Any) -> None:
    values = np.array([[[-9999, 1.0, 2.0, np.nan, 3.0]]], np.float32)
    path = write_geotiff(values, nodata=-9999)
    how = Reading(stretch=Percentiles(0, 100))
    assert [pixel[0] for pixel in pixels(path, how)[0]] == [0, 0, 128, 0, 255]
    with open_scene(path, how) as scene:
        valid = scene.read(Window(0, 0, 5, 1)).valid
    assert valid is not None
    assert valid.tolist() == [[False, True, True, False, True]]


def test_masks_and_alpha_say_where_there_is_no_data(write_geotiff: Any) -> None:
    valid = np.array([[255, 0]], np.uint8)
    masked = write_geotiff(np.full((3, 1, 2), 9, np.uint8), valid=valid)
    assert pixels(masked) == [[[9, 9, 9], [0, 0, 0]]]
    bands = np.concatenate([np.full((3, 1, 2), 9, np.uint8), valid[None]])
    alpha = write_geotiff(bands, "alpha.tif", colorinterp=(RED, GREEN, BLUE, ColorInterp.alpha))
    assert pixels(alpha) == [[[9, 9, 9], [0, 0, 0]]]


def test_a_palette_gives_its_colours(write_geotiff: Any) -> None:
    numbers = np.array([[[0, 1, 7]]], np.uint8)
    path = write_geotiff(numbers, colormap={0: (1, 2, 3, 255), 1: (200, 100, 0, 255)}, photometric="palette")
    assert pixels(path) == [[[1, 2, 3], [200, 100, 0], [0, 0, 0]]]


def test_complex_values_are_refused(write_geotiff: Any) -> None:
    path = write_geotiff(np.ones((1, 2, 2), np.complex64))
    with pytest.raises(SampleError, match="its values are complex numbers. Write their amplitude"):
        pixels(path)


def test_a_plain_tiff_is_a_picture_like_any_other(write_geotiff: Any, tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "plain.tif")
    with open_scene(tmp_path / "plain.tif", Reading()) as scene:
        assert isinstance(scene, scenes.Picture)
    assert pixels(tmp_path / "plain.tif", Reading(bands=(3, 3, 1)))[0][0] == [3, 3, 1]
    unplaced = write_geotiff(np.ones((1, 2, 2), np.uint16), crs=None, transform=None)
    assert "does not say where it lies, so no georeferenced masks" in notes(unplaced)[-1]


def test_without_the_extra_a_geotiff_is_refused_with_what_to_install(
    write_geotiff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_geotiff(np.ones((3, 2, 2), np.uint8))
    monkeypatch.setattr(scenes, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match=r"scene.tif: a GeoTIFF.*pip install 'geopix\[geo\]'"):
        pixels(path)


def test_a_damaged_geotiff_is_named(write_geotiff: Any, tmp_path: Path) -> None:
    path = write_geotiff(np.random.default_rng(0).integers(0, 255, (3, 64, 64), np.uint8))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(SampleError, match=r"scene.tif: cannot be read as a picture: .*Check or replace the file"):
        pixels(path)
    (tmp_path / "head.tif").write_bytes(b"II*\0 and nothing else")
    with pytest.raises(SampleError, match=r"head.tif: cannot be read as a picture"):
        pixels(tmp_path / "head.tif")


def test_a_file_of_another_format_is_not_opened_under_a_tiff_s_name(tmp_path: Path) -> None:
    (tmp_path / "scene.tif").write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>')
    with pytest.raises(SampleError, match="cannot be read as a picture: cannot identify image file"):
        pixels(tmp_path / "scene.tif", Reading(bands=(1,)))


def test_only_the_windows_asked_for_are_in_memory(write_geotiff: Any) -> None:
    side = 3000
    path = write_geotiff(np.zeros((3, side, side), np.uint8), tiled=True, blockxsize=256, blockysize=256)
    with rasterio.Env(GDAL_CACHEMAX=1), open_scene(path, Reading(stretch=Percentiles(2, 98))) as scene:
        scene.read(Window(0, 0, 256, 256))
        tracemalloc.start()
        for x in range(0, side - 256, 512):
            scene.read(Window(x, x, 256, 256))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 16 * 256 * 256 * 3 < 3 * side * side / 8
    assert measured(path) == (side, side)


def test_a_scene_beyond_what_is_read_at_once_says_to_tile_it(write_geotiff: Any) -> None:
    path = write_geotiff(
        np.zeros((1, 1, 1), np.uint8), height=20_000, width=20_000, tiled=True, sparse_ok=True, compress="deflate"
    )
    with open_scene(path, Reading()) as scene:
        assert scene.read(Window(19_000, 19_000, 64, 64)).picture.size == (64, 64)
        with pytest.raises(SampleError, match=r"20000 x 20000 pixels are more than the 178,956,970 .* --tile 1024"):
            scene.read(Window(0, 0, 20_000, 20_000))


def test_rasterio_is_imported_only_for_files_that_need_it() -> None:
    needing = {"geotiff.py", "georeferenced.py"}
    for file in Path(scenes.__file__).parent.glob("*.py"):
        lines = [line for line in file.read_text("utf-8").splitlines() if line.startswith(("import ", "from "))]
        found = [line for line in lines if re.search(r"rasterio|geotiff|georeferenced", line)]
        assert (found != []) == (file.name in needing), file.name
