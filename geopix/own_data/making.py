"""From rasters and polygons to a data set on disk: written beside its place and renamed."""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from geopix.own_data.cutting import Spot, look, spots
from geopix.own_data.ground import drawn
from geopix.own_data.places import split_places
from geopix.own_data.polygons import Layer, Polygon, read_layers
from geopix.own_data.previews import write_previews
from geopix.own_data.problems import Problems
from geopix.own_data.questions import asked, shuffled
from geopix.own_data.rasters import Raster, find_rasters
from geopix.own_data.records import LeftOut, SplitCount, Tile
from geopix.own_data.report import Made, existing, head, write_report
from geopix.own_data.settings import Settings
from geopix.own_data.starters import write_recipe, write_task
from geopix.own_data.tables import IMAGES, write_tables
from geopix.prediction.geotiff import GeoTiff
from harness.errors import DataError, EnvironmentProblem

Progress = Callable[[int, int], None]


def make_tiles(
    output: Path,
    places: Sequence[Path],
    polygons: Sequence[Path],
    settings: Settings,
    progress: Progress = lambda done, total: None,
) -> Made:
    """Makes a data set; the same arguments and files give the same bytes.

    Args:
        output: absent, empty, or a data set made with the same arguments of the same files, which is left as it is.
        places: GeoTIFFs, and folders of them.
        polygons: files of polygons.
        settings: how tiles are cut and what is asked of them.
        progress: called with (done, total) after each tile.

    Raises:
        ConfigurationError: an attribute is not there, splits cannot be filled, or the folder holds anything else.
        MissingDataError: a file is not there.
        DataError: rasters or polygons cannot be used and the policy is to stop: all of them; or no polygon lies in a
            raster.
    """
    problems = Problems()
    rasters = find_rasters(places, settings.reading, problems)
    layers = read_layers(polygons, settings.columns, problems)
    problems.settle(settings.defects)
    about = head(rasters, layers, settings)
    if there := existing(output, about):
        return there
    work = _Work(settings, rasters, layers, problems)
    work.plan()
    with _beside(output) as staging:
        made = work.write(staging, output, progress)
        write_report(staging, about, made)
    return made


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """Gives a folder beside the output, which takes its place when all went well and is removed when not."""
    staging = output.absolute().parent / f".{output.name}.partial"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        yield staging
        staging.replace(output)
    except OSError as error:
        raise EnvironmentProblem(
            f"--output: {output} cannot be written: {error}. Make room or choose another."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _Work:
    """The making of one data set."""

    def __init__(
        self, settings: Settings, rasters: Sequence[Raster], layers: Sequence[Layer], problems: Problems
    ) -> None:
        self._settings = settings
        self._rasters = rasters
        self._layers = layers
        self._problems = problems
        self._polygons = [polygon for layer in layers for polygon in layer.polygons]
        self._classes = sorted({polygon.category for polygon in self._polygons})
        self._counts: Counter[str] = Counter()
        self._inside: set[int] = set()
        self._chosen: list[Spot] = []

    def plan(self) -> None:
        """Decides which tiles are cut.

        Raises:
            ConfigurationError: there are fewer places than splits.
            DataError: no polygon lies in a raster.
        """
        everywhere = self._spots()
        self._inside = {id(polygon) for spot in everywhere for polygon, _ in spot.drawn}
        if not self._inside:
            raise DataError(_nowhere(self._rasters, self._layers))
        self._chosen = self._with_some_background(everywhere)

    def write(self, staging: Path, output: Path, progress: Progress) -> Made:
        """Writes all files but the report, as it was planned.

        Raises:
            DataError: a split has nothing that can be asked.
        """
        (staging / IMAGES).mkdir()
        tiles = list(self._tiles(staging, progress))
        counts = {
            split: SplitCount.of([tile for tile in tiles if tile.spot.place.split == split])
            for split, _ in self._settings.splits
        }
        _check_filled(counts)
        write_tables(staging, self._settings.name, tiles, self._classes)
        write_task(staging, output.name, self._settings, counts)
        write_recipe(staging, output, self._settings)
        write_previews(staging, tiles)
        notes = Counter(note for raster in self._rasters for note in raster.notes)
        return Made(output, counts, tuple(self._problems.found), self._left_out(tiles), notes, new=True)

    def _spots(self) -> list[Spot]:
        settings = self._settings
        places = split_places(
            self._rasters, settings.splits, block=settings.block, tile=settings.tiling.side, seed=settings.seed
        )
        found: list[Spot] = []
        for raster in self._rasters:
            shapes = [pair for layer in self._layers for pair in drawn(layer, raster)]
            own = [place for place in places if place.raster is raster]
            found += spots(own, shapes, settings.tiling, frozenset({settings.training}))
        return found

    def _with_some_background(self, everywhere: Sequence[Spot]) -> list[Spot]:
        """All tiles that a polygon touches, and for each split its share of the others."""
        kept: set[int] = set()
        for split, _ in self._settings.splits:
            own = [spot for spot in everywhere if spot.place.split == split]
            bare = sorted((spot for spot in own if not spot.drawn), key=self._chance)
            kept.update(id(spot) for spot in own if spot.drawn)
            kept.update(id(spot) for spot in bare[: round(self._settings.background * (len(own) - len(bare)))])
        self._counts["background"] = len(everywhere) - len(kept)
        return [spot for spot in everywhere if id(spot) in kept]

    def _chance(self, spot: Spot) -> bytes:
        return shuffled(f"{self._settings.seed}/{_spelt(spot)}")

    def _tiles(self, staging: Path, progress: Progress) -> Iterator[Tile]:
        stems = _stems(self._rasters)
        done = 0
        for raster in self._rasters:
            own = [spot for spot in self._chosen if spot.place.raster is raster]
            if not own:
                continue
            with GeoTiff.opened(raster.path, self._settings.reading) as scene:
                for spot in own:
                    if tile := self._tile(staging, stems[id(raster)], spot, scene):
                        yield tile
                    done += 1
                    progress(done, len(self._chosen))

    def _tile(self, staging: Path, stem: str, spot: Spot, scene: GeoTiff) -> Tile | None:
        sight = scene.read(spot.window)
        if sight.valid is not None and not sight.valid.any():
            self._counts["without_data"] += 1
            return None
        truth = look(spot, sight, self._settings.rule)
        questions = asked(truth, self._classes, self._settings.absent, f"{self._settings.seed}/{_spelt(spot)}")
        if not questions:
            self._counts["nothing_to_ask"] += 1
            return None
        name = f"{stem}_{spot.window.x}_{spot.window.y}.png"
        sight.picture.save(staging / IMAGES / name, "PNG")
        return Tile(name, spot, truth, tuple(questions))

    def _left_out(self, tiles: Sequence[Tile]) -> LeftOut:
        splits: dict[int, set[str]] = {}
        for tile in tiles:
            for target in tile.truth.targets:
                splits.setdefault(id(target.polygon), set()).add(tile.spot.place.split)
        return LeftOut(
            outside=_named(self._polygons, lambda polygon: id(polygon) not in self._inside),
            small=_named(self._polygons, lambda polygon: id(polygon) in self._inside and id(polygon) not in splits),
            several_splits=_named(self._polygons, lambda polygon: len(splits.get(id(polygon), ())) > 1),
            without_data=self._counts["without_data"],
            background=self._counts["background"],
            nothing_to_ask=self._counts["nothing_to_ask"],
        )


def _named(polygons: Sequence[Polygon], wanted: Callable[[Polygon], bool]) -> tuple[str, ...]:
    return tuple(polygon.name for polygon in polygons if wanted(polygon))


def _spelt(spot: Spot) -> str:
    return f"{spot.place.raster.name}/{spot.window.x}/{spot.window.y}"


def _stems(rasters: Sequence[Raster]) -> dict[int, str]:
    """A name for each raster's tiles, its own without what file systems quarrel over; no two are the same."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for raster in rasters:
        stem = re.sub(r"[^\w.-]", "_", raster.path.stem)
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        found[id(raster)] = next(name for name in names if name.lower() not in taken)
        taken.add(found[id(raster)].lower())
    return found


def _check_filled(counts: Mapping[str, SplitCount]) -> None:
    if empty := [split for split, count in counts.items() if not count.questions]:
        raise DataError(
            f"nothing can be asked in the split{'s' if len(empty) > 1 else ''} {', '.join(empty)}: no polygon lies in "
            "its places. Choose another --seed, smaller blocks with --block, or fewer splits."
        )


def _nowhere(rasters: Sequence[Raster], layers: Sequence[Layer]) -> str:
    lines = ["no polygon lies in a raster. Check their coordinate reference systems:"]
    for raster in rasters[:3]:
        a, _, west, _, e, north = raster.place.transform[:6]
        lines.append(
            f"{raster.name}: {raster.place.crs.to_string()[:40]}, "
            f"x {west:.9g} to {west + a * raster.width:.9g}, y {north + e * raster.height:.9g} to {north:.9g}"
        )
    for layer in layers[:3]:
        if layer.polygons:
            x0, y0, x1, y1 = _extent(layer)
            where = f"x {x0:.9g} to {x1:.9g}, y {y0:.9g} to {y1:.9g}"
            lines.append(f"{layer.path}: {layer.crs.to_string()[:40]}, {where}")
        else:
            lines.append(f"{layer.path}: no polygon that can be used")
    return "\n".join(lines)


def _extent(layer: Layer) -> tuple[float, ...]:
    boxes = [polygon.shape.bounds for polygon in layer.polygons]
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)
