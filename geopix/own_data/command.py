"""The command `geopix tiles`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from geopix.own_data.report import Made
    from geopix.own_data.settings import Settings


@click.command("tiles")
@click.argument("places", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RASTERS...")
@click.option(
    "--polygons", multiple=True, required=True, type=click.Path(path_type=Path), help="GeoJSON, GeoPackage, Shapefile."
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The new data set's folder.")
@click.option("--class", "category", default="category", show_default=True, help="The attribute that holds the class.")
@click.option("--expression", help="The attribute that holds words which name a polygon.")
@click.option("--classes", default="", metavar="NAME,..", help="The classes that there are.  [default: those found]")
@click.option("--tile", type=click.IntRange(min=16), default=512, show_default=True, help="Pixels a side of a tile.")
@click.option("--overlap", type=click.IntRange(min=0), help="Pixels that training tiles share.  [default: an eighth]")
@click.option("--bands", help="Bands for red, green and blue, or one for grey: 4,3,2.")
@click.option("--stretch", help="What becomes black and white: 0,10000 or 2%,98%.  [default: 2%,98% but for 8 bits]")
@click.option("--splits", default="train:8,val:1,test:1", show_default=True, help="Names and shares.")
@click.option("--block", type=click.IntRange(min=16), help="Split by blocks of so many pixels a side, not by rasters.")
@click.option("--least-pixels", type=click.IntRange(min=1), default=16, show_default=True, help="Fewest of a part.")
@click.option(
    "--least-share",
    type=click.FloatRange(0, 1),
    default=0.25,
    show_default=True,
    help="Of a polygon that a tile must show, unless the part fills a twentieth of the tile.",
)
@click.option(
    "--absent", type=click.IntRange(min=0), default=1, show_default=True, help="Classes not there, asked a tile."
)
@click.option(
    "--background", type=click.FloatRange(min=0), default=0.25, show_default=True, help="Tiles without polygon, a tile."
)
@click.option("--name", help="The task's name.  [default: the folder's]")
@click.option(
    "--defects",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What happens when a raster or polygon cannot be used.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes.")
def tiles_command(places: tuple[Path, ...], polygons: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Cut your own GeoTIFFs and polygons into training data and a test, with a task file and a recipe.

    \b
    geopix tiles scenes/ --polygons ships.geojson --class kind -o data/harbour
    geopix tiles city.tif --polygons roofs.gpkg --block 2048 --splits train:4,test:1 -o data/roofs

    The same command again changes nothing.
    """  # noqa: D301 - click reads the backspace itself
    _check_extra()
    from geopix.own_data.making import make_tiles  # noqa: PLC0415 - --help must not wait for torch
    from harness.console import task_progress  # noqa: PLC0415
    from harness.run import catalogue_of  # noqa: PLC0415

    settings = _settings(output, options)
    settings.check(catalogue_of(()))
    with task_progress() as show:
        made = make_tiles(output, places, polygons, settings, lambda done, total: show("tiles", done, total))
    for line in _lines(made, settings):
        click.echo(line)


def _check_extra() -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    from harness.errors import EnvironmentProblem  # noqa: PLC0415

    if missing := [name for name in ("rasterio", "pyogrio", "shapely") if find_spec(name) is None]:
        raise EnvironmentProblem(
            f"geopix tiles needs {', '.join(missing)}. Install the extra: pip install 'geopix[geo]'"
        )


def _settings(output: Path, options: dict[str, Any]) -> "Settings":
    from geopix.own_data.cutting import SliverRule  # noqa: PLC0415
    from geopix.own_data.polygons import Columns  # noqa: PLC0415
    from geopix.own_data.settings import Settings, name_of  # noqa: PLC0415
    from geopix.prediction.options import read_reading  # noqa: PLC0415
    from geopix.prediction.tiles import Tiling  # noqa: PLC0415
    from geopix.splits import parse_splits  # noqa: PLC0415
    from harness.run import unique  # noqa: PLC0415

    tile, overlap = options["tile"], options["overlap"]
    return Settings(
        name=options["name"] or name_of(output),
        columns=Columns(options["category"], options["expression"], tuple(unique(options["classes"]))),
        reading=read_reading(options["bands"], options["stretch"]),
        tiling=Tiling(tile, tile // 8 if overlap is None else overlap),
        splits=parse_splits(options["splits"]),
        block=options["block"],
        rule=SliverRule(options["least_pixels"], options["least_share"]),
        absent=options["absent"],
        background=options["background"],
        defects=options["defects"],
        seed=options["seed"],
    )


def _lines(made: "Made", settings: "Settings") -> Iterator[str]:
    """What was made, what was not, and what to do next."""
    from geopix.own_data.starters import RECIPE, TASKS  # noqa: PLC0415

    yield f"{made.folder}: {'made' if made.new else 'there already, unchanged'}"
    for split, count in made.splits.items():
        objects = ", ".join(f"{number} {name}" for name, number in count.objects.items()) or "nothing"
        yield (
            f"{split}: {count.tiles} tiles from {count.places} places, {count.questions} questions "
            f"({count.no_target} about what is not there); {objects}"
        )
    yield from _remarks(made)
    data, folder = made.folder.parent, made.folder
    yield f"look at {folder}/previews, and {folder}/tiles.geojson in a GIS program; all counts are in report.json"
    yield f"geopix train {folder}/{RECIPE} --data-dir {data} --task-dir {folder}/{TASKS} --dry-run"
    yield f"geopix-eval --tasks {settings.name} --task-dir {folder}/{TASKS} --data-dir {data} --model geopix-mini"


def _remarks(made: "Made") -> Iterator[str]:
    left = made.left_out
    for note, number in made.notes.items():
        yield f"note: {number} raster{'s' if number > 1 else ''}: {note}"
    for name, reason in made.problems[:3]:
        yield f"skipped: {name}: {reason}"
    if len(made.problems) > 3:
        yield f"skipped: {len(made.problems) - 3} more"
    for names, what in (
        (left.outside, "lie in no raster"),
        (left.small, "are nowhere large enough"),
        (left.several_splits, "lie across places of different splits, a part in each"),
    ):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield f"note: {len(names)} polygons {what}: {', '.join(names[:3])}{more}"
    for number, what in (
        (left.background, "without a polygon, beyond --background"),
        (left.without_data, "without data"),
        (left.nothing_to_ask, "with slivers alone"),
    ):
        if number:
            yield f"note: {number} tiles left out {what}"
