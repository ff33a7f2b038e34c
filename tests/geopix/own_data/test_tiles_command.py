"""`geopix tiles`: from rasters and polygons to what the harness evaluates and the trainer trains on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from click.testing import CliRunner, Result
from PIL import Image

from geopix.cli import main
from geopix.training.recipe import load_recipe
from geopix.training.sources import find_data
from harness.catalog import Catalogue, shipped
from harness.masks import area, decode
from harness.plugins import installed
from harness.records import Sample
from harness.spec import Task
from tests.geopix.own_data.conftest import NORTH, WEST, Site, square

FIVE = [("ship", square(5, 5, 10)), ("quay", square(40, 5, 12)), ("ship", square(105, 5, 10))]


def tiles(*words: object) -> Result:
    return CliRunner().invoke(main, ["tiles", *map(str, words)])


def two_rasters(site: Site) -> None:
    site.raster("a")
    site.raster("b", east=100)


def made(site: Site, *words: object) -> Path:
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--tile", 32, *words)
    assert result.exit_code == 0, result.output
    return site.folder / "data" / "mine"


def task(folder: Path) -> Task:
    return Catalogue([shipped("tasks"), folder / "tasks"], installed()).task(folder.name)


def samples(folder: Path) -> list[Sample]:
    return list(task(folder).reader.samples(folder))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_task_asks_about_the_last_split_and_knows_what_is_where(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    folder = made(site, "--splits", "train:1,test:1", "--overlap", 0, "--background", 0, "--absent", 0)
    found = {sample.fields["expression"]: sample for sample in samples(folder)}
    reports = json.loads((folder / "report.json").read_text())["splits"]
    assert len(samples(folder)) == reports["test"]["questions"] == task(folder).spec.expects.samples
    assert task(folder).spec.cluster == "place"
    here = "a" if found["every ship"].images[0].path.name.startswith("a_") else "b"
    mask = decode(found["every ship"].target.masks[0])
    expected = np.zeros((32, 32), bool)
    expected[5:15, 5:15] = True
    assert (mask == expected).all()
    assert found["every ship"].tags == {
        "category": "ship", "size": "small", "targets": "1", "place": f"rasters/{here}.tif",
    }  # fmt: skip
    with Image.open(found["every ship"].images[0].path) as image:
        assert (image.size, image.mode) == ((32, 32), "RGB")


def test_what_is_not_there_is_asked_for_and_has_no_pixel(site: Site) -> None:
    two_rasters(site)
    site.polygons([*FIVE, ("quay", square(140, 40, 12))])
    folder = made(site, "--splits", "train:1,test:1", "--overlap", 0)
    absent = [sample for sample in samples(folder) if sample.tags["targets"] == "0"]
    assert absent
    for sample in absent:
        assert area(sample.target.masks[0]) == 0
        there = {
            other.tags["category"] for other in samples(folder) if other.images == sample.images and other is not sample
        }
        assert sample.fields["expression"].removeprefix("every ") not in there


def test_a_sliver_is_neither_asked_for_nor_called_absent(site: Site) -> None:
    two_rasters(site)
    # Of the ship, 2 of 20 columns lie in the left tile: a tenth of it.
    site.polygons([("ship", square(30, 4, 20)), ("quay", square(4, 4, 8)), ("ship", square(105, 5, 10))])
    folder = made(site, "--splits", "train:1,test:1", "--overlap", 0, "--background", 0, "--seed", 1)
    (left,) = [row for row in references(folder) if row["file"] == "a_0_0.png"]
    assert left["raw"] == "every quay"
    right = [row["raw"] for row in references(folder) if row["file"] == "a_32_0.png"]
    assert right == ["every ship", "every quay"]


def references(folder: Path) -> list[dict[str, Any]]:
    names = {row["id"]: row["file_name"] for row in json.loads((folder / "instances.json").read_text())["images"]}
    rows = json.loads((folder / "references.json").read_text())
    return [{**row, "file": names[row["image_id"]], "raw": row["sentences"][0]["raw"]} for row in rows]


def test_the_same_words_of_two_polygons_mean_both(site: Site) -> None:
    two_rasters(site)
    site.polygons([(name, outline) for name, outline in [*FIVE, ("ship", square(17, 17, 8))]], words="every red thing")
    folder = made(site, "--splits", "train:1,test:1", "--expression", "words", "--overlap", 0, "--absent", 0)
    counts = {row["raw"]: len(row["ann_id"]) for row in references(folder) if row["file"] == "a_0_0.png"}
    assert counts == {"every ship": 2, "every red thing": 2}


def test_no_ground_is_in_two_splits(site: Site) -> None:
    site.raster("wide", side=128)
    site.raster("over", side=64, east=100)  # the last 28 columns of the wide one lie below it
    site.polygons([("ship", square(x, y, 6)) for x in range(4, 160, 16) for y in range(4, 124, 16)])
    folder = made(site, "--splits", "train:1,val:1,test:1", "--block", 32, "--overlap", 8)
    footprints = json.loads((folder / "tiles.geojson").read_text())["features"]
    by_split: dict[str, list[Any]] = {}
    for feature in footprints:
        shape = shapely.geometry.shape(feature["geometry"])
        by_split.setdefault(feature["properties"]["split"], []).append(shape)
    assert set(by_split) == {"train", "val", "test"}
    train, val, test = (shapely.union_all(by_split[split]) for split in ("train", "val", "test"))
    pixel = shapely.geometry.shape(footprints[0]["geometry"]).area / 32**2
    for one, other in ((train, val), (train, test), (val, test)):
        assert one.intersection(other).area < 0.01 * pixel
    places = {(row["place"], row["split"]) for row in references(folder)}
    assert len(places) == len({place for place, _ in places})


def test_rasters_that_only_touch_may_go_to_different_splits(site: Site) -> None:
    site.raster("west")
    site.raster("east", east=64)
    site.polygons([("ship", square(x, 10, 6)) for x in (10, 74)])
    folder = made(site, "--splits", "train:1,test:1", "--overlap", 0)
    reports = json.loads((folder / "report.json").read_text())["splits"]
    assert [reports[split]["tiles"] > 0 for split in ("train", "test")] == [True, True]


def test_only_the_first_splits_tiles_overlap(site: Site) -> None:
    two_rasters(site)
    site.polygons([("ship", square(x, y, 6)) for x in range(4, 160, 16) for y in range(4, 60, 16)])
    folder = made(site, "--splits", "train:1,test:1", "--overlap", 16)
    counts = {
        name: split["tiles"] for name, split in json.loads((folder / "report.json").read_text())["splits"].items()
    }
    assert counts == {"train": 9, "test": 4}


def test_the_same_command_gives_the_same_bytes_and_then_changes_nothing(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    words = ("--splits", "train:1,test:1")
    first = files(made(site, *words))
    again = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--tile", 32, *words)
    assert "there already, unchanged" in again.output
    (site.folder / "data" / "mine").rename(site.folder / "data" / "old")
    assert files(made(site, *words)) == first
    assert not list((site.folder / "data").glob(".*"))


@pytest.mark.parametrize(
    ("change", "expected"), [(("--seed", 1), "made with other options"), ((), "made with other files")]
)
def test_data_made_otherwise_is_not_written_over(site: Site, change: tuple[Any, ...], expected: str) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    folder = made(site, "--splits", "train:1,test:1")
    before = files(folder)
    site.polygons(FIVE if change else [*FIVE[:2], ("ship", square(106, 5, 10))])
    words = ("--splits", "train:1,test:1", *change)
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--tile", 32, *words)
    assert result.exit_code == 2
    assert expected in result.output
    assert files(folder) == before


def test_a_folder_of_something_else_is_left_alone(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    (site.folder / "data" / "mine").mkdir(parents=True)
    (site.folder / "data" / "mine" / "thesis.txt").write_text("mine")
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--splits", "train,test")
    assert result.exit_code == 2
    assert "holds no data of geopix tiles" in result.output


def test_all_that_is_wrong_is_told_at_once_and_can_be_left_out(site: Site) -> None:
    two_rasters(site)
    site.raster("lost", crs=None)
    (site.folder / "rasters" / "torn.tif").write_bytes(b"II*\0torn")
    bow = [(0, 0), (10, 10), (10, 0), (0, 10), (0, 0)]
    point = {"type": "Point", "coordinates": [WEST, NORTH]}
    site.polygons([*FIVE, ("ship", bow), ("boat", square(1, 1, 4)), (None, square(1, 1, 4)), ("ship", point)])  # type: ignore[list-item]
    words = ("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--tile", 32, "--splits", "train,test")
    refused = tiles(*words, "--classes", "ship,quay")
    assert refused.exit_code == 4
    for expected in (
        "6 rasters or polygons cannot be used",
        "rasters/lost.tif: the raster has no coordinate reference system",
        "rasters/torn.tif: cannot be read",
        "things.geojson: polygon 4: its geometry is invalid: Self-intersection",
        "things.geojson: polygon 5: unknown class 'boat'",
        "things.geojson: polygon 6: its attribute 'category' has no value",
        "things.geojson: polygon 7: a Point; expected a Polygon",
        "--defects skip",
    ):
        assert expected in refused.output
    assert not (site.folder / "data").exists()
    passed = tiles(*words, "--classes", "ship,quay", "--defects", "skip")
    assert passed.exit_code == 0, passed.output
    assert "skipped: 3 more" in passed.output
    report = json.loads((site.folder / "data" / "mine" / "report.json").read_text())
    assert len(report["problems"]) == 6


def test_what_lies_outside_or_is_too_small_is_counted_and_named(site: Site) -> None:
    two_rasters(site)
    site.polygons([*FIVE, ("ship", square(5000, 5, 10)), ("ship", square(20, 20, 3))])
    folder = made(site, "--splits", "train:1,test:1")
    left = json.loads((folder / "report.json").read_text())["left_out"]
    assert (left["outside"], left["small"]) == (["things.geojson: polygon 4"], ["things.geojson: polygon 5"])


def test_a_polygon_across_two_splits_is_named(site: Site) -> None:
    site.raster("a", side=128)
    site.polygons(
        [("ship", square(x, y, 6)) for x in range(4, 124, 16) for y in (4, 100)] + [("lake", square(1, 40, 126))]
    )
    folder = made(site, "--splits", "train:1,test:1", "--block", 64)
    left = json.loads((folder / "report.json").read_text())["left_out"]
    assert left["several_splits"] == ["things.geojson: polygon 17"]


def test_polygons_elsewhere_are_told_of_with_where_both_lie(site: Site) -> None:
    two_rasters(site)
    site.polygons([("ship", square(5000, 5, 10))])
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--splits", "train,test")
    assert result.exit_code == 4
    for expected in ("no polygon lies in a raster", "rasters/a.tif: EPSG:32633, x 500000 to 500064", "x 505000 to"):
        assert expected in result.output


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("--class", "categry"), 2, "no polygon has an attribute 'categry'. Did you mean 'category'?"),
        (("--splits", "train:1,val:1,test:1"), 2, "2 separate rasters cannot fill 3 splits (train, val, test)"),
        (("--splits", "train:1"), 2, "expected two different names"),
        (("--splits", "train:1,test:1", "--name", "Mine"), 2, "found 'Mine'"),
        (("--splits", "train:1,test:1", "--name", "rrsis"), 2, "'rrsis' is the name of the task"),
        (("--splits", "train:1,test:1", "--block", 16), 2, "--block: expected the tile's side, 32, or more"),
        (("--splits", "train:1,test:1", "--bands", "9"), 4, "has 3 bands, and no band 9"),
        (("--splits", "train:1,test:1", "--polygons", "gone.gpkg"), 4, "gone.gpkg does not exist"),
    ],
)
def test_what_cannot_be_is_refused(site: Site, words: tuple[object, ...], code: int, expected: str) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--tile", 32, *words)
    assert (result.exit_code, expected in result.output) == (code, True), result.output
    assert not (site.folder / "data").exists()


def test_a_split_without_anything_to_ask_is_refused_and_leaves_nothing(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE[:2])
    result = tiles(
        "rasters", "--polygons", "things.geojson", "-o", "data/mine", "--splits", "train,test", "--background", 0
    )
    assert result.exit_code == 4
    assert "nothing can be asked in the split" in result.output
    assert not (site.folder / "data" / "mine").exists()


@pytest.mark.parametrize(("name", "driver"), [("things.gpkg", "GPKG"), ("things.shp", "ESRI Shapefile")])
def test_other_formats_and_systems_give_the_same_masks(site: Site, name: str, driver: str) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    words = ("--splits", "train:1,test:1", "--overlap", 0)
    plain = files(made(site, *words))["instances.json"].replace(b"things.geojson", b"X")
    (site.folder / "data" / "mine").rename(site.folder / "data" / "old")
    site.polygons(FIVE, "degrees.geojson", "EPSG:4326")
    about, _, shapes, values = pyogrio.raw.read("degrees.geojson")
    pyogrio.raw.write(name, shapes, values, about["fields"], driver=driver, crs="EPSG:4326", geometry_type="Polygon")
    result = tiles("rasters", "--polygons", name, "-o", "data/mine", "--tile", 32, *words)
    assert result.exit_code == 0, result.output
    assert files(site.folder / "data" / "mine")["instances.json"].replace(name.encode(), b"X") == plain


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.geojson", b"<OGRVRTDataSource/>", "none by its name and its first bytes"),
        ("x.csv", b"a,b", "expected GeoJSON"),
        ("x.geojson", b'{"type": "FeatureCollection", "features": [', "cannot be read as polygons"),
        ("x.gpkg", b"SQLite format 3\0torn", "cannot be read as polygons"),
    ],
)
def test_what_holds_no_polygons_is_refused(site: Site, name: str, content: bytes, expected: str) -> None:
    two_rasters(site)
    (site.folder / name).write_bytes(content)
    result = tiles("rasters", "--polygons", name, "-o", "data/mine", "--splits", "train,test")
    assert (result.exit_code, expected in result.output) == (4, True), result.output


def test_a_shapefile_without_a_system_is_refused(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    about, _, shapes, values = pyogrio.raw.read("things.geojson")
    pyogrio.raw.write(
        "x.shp", shapes, values, about["fields"], driver="ESRI Shapefile", crs="EPSG:32633", geometry_type="Polygon"
    )
    (site.folder / "x.prj").unlink()
    result = tiles("rasters", "--polygons", "x.shp", "-o", "data/mine", "--splits", "train,test")
    assert result.exit_code == 4
    assert "does not say in which coordinate reference system" in result.output


def test_sixteen_bits_and_missing_data_are_read_as_predict_reads_them(site: Site) -> None:
    pixels = np.random.default_rng(0).integers(100, 4000, (4, 64, 64)).astype("uint16")
    pixels[:, :, :20] = 0
    for number, name in enumerate("ab"):
        site.raster(name, east=100 * number, dtype="uint16", count=4, nodata=0, pixels=pixels)
    site.polygons([("ship", square(15, 5, 10)), ("ship", square(115, 5, 10)), ("lake", square(1, 33, 8))])
    folder = made(site, "--splits", "train:1,test:1", "--bands", "4,3,2", "--overlap", 0, "--absent", 0)
    report = json.loads((folder / "report.json").read_text())
    assert any("values stretched to 8 bits" in note for note in report["notes"])
    assert report["left_out"]["small"] == ["things.geojson: polygon 3"]
    (sample,) = samples(folder)
    assert area(sample.target.masks[0]) == 10 * 5  # the half where there is data
    with Image.open(sample.images[0].path) as image:
        assert np.asarray(image)[:, :20].max() == 0


def test_rasters_of_one_name_in_two_folders_have_tiles_of_their_own(site: Site) -> None:
    for number, name in enumerate(("a", "a-2", "b")):
        site.raster(name, east=100 * number)
    (site.folder / "rasters" / "more").mkdir()
    (site.folder / "rasters" / "b.tif").rename(site.folder / "rasters" / "more" / "A.tif")
    site.polygons([("ship", square(5 + 100 * number, 5, 10)) for number in range(3)])
    folder = made(site, "--splits", "train:2,test:1", "--tile", 64, "--overlap", 0)
    assert sorted(path.name for path in (folder / "images").iterdir()) == ["A-3_0_0.png", "a-2_0_0.png", "a_0_0.png"]
    assert len({path.read_bytes() for path in (folder / "images").iterdir()}) == 1


def test_a_raster_that_is_not_on_the_earth_is_refused(site: Site) -> None:
    two_rasters(site)
    site.raster("c", crs='LOCAL_CS["site",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]')
    site.polygons(FIVE)
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--splits", "train,test")
    assert result.exit_code == 4
    assert "nothing leads from the coordinate reference system LOCAL_CS" in result.output


def test_a_raster_that_breaks_off_ends_it_and_leaves_nothing(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    path = site.raster("b", east=100)
    path.write_bytes(path.read_bytes()[:3000])
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--splits", "train,test")
    assert result.exit_code == 3, result.output
    assert "b.tif: cannot be read as a picture" in result.output
    assert not list((site.folder / "data").iterdir())


def test_a_place_that_cannot_be_written_is_told(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    (site.folder / "data").write_text("a file")
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine", "--splits", "train,test")
    assert result.exit_code == 4
    assert "--output: data/mine cannot be written" in result.output


def test_without_the_extra_it_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pyogrio" else name)
    result = tiles("rasters", "--polygons", "things.geojson", "-o", "data/mine")
    assert result.exit_code == 4
    assert "geopix tiles needs pyogrio. Install the extra: pip install 'geopix[geo]'" in result.output


@pytest.mark.parametrize("templates", ["[tiles]", "[]"])
def test_the_trainer_reads_what_was_written(site: Site, templates: str) -> None:
    two_rasters(site)
    site.polygons([*FIVE, ("quay", square(140, 40, 12)), ("ship", square(17, 17, 8))])
    folder = made(site, "--splits", "train:1,test:1", "--overlap", 0)
    recipe = load_recipe(str(folder / "recipe.yaml"), [f"data.0.templates={templates}"])
    catalogue = Catalogue([shipped("tasks"), folder / "tasks"], installed())
    (data,) = find_data(recipe.data, folder.parent, catalogue, installed())
    turns = [turn for lesson in data.lessons([]) for turn in lesson.turns]
    assert {turn.answer for turn in turns} >= {"It is <SEG>.", "There is no target."}
    for turn in turns:
        assert [area(mask) > 0 for mask in turn.masks] == [True] * turn.answer.count("<SEG>")


def test_the_recipe_examines_on_the_split_between(site: Site) -> None:
    for number, name in enumerate("abc"):
        site.raster(name, east=100 * number)
    site.polygons([("ship", square(5 + 100 * number, 5, 10)) for number in range(3)])
    folder = made(site, "--splits", "train:1,val:1,test:1")
    evaluation = load_recipe(str(folder / "recipe.yaml")).evaluation
    assert evaluation is not None
    assert [(each.task, each.dataset) for each in evaluation.tasks] == [("mine", {"split": "val"})]


def test_a_few_tiles_of_each_split_are_drawn(site: Site) -> None:
    two_rasters(site)
    site.polygons(FIVE)
    folder = made(site, "--splits", "train:1,test:1")
    drawn = sorted(path.name.partition("_")[0] for path in (folder / "previews").iterdir())
    assert set(drawn) == {"train", "test"}
