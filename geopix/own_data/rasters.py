"""The rasters that tiles are cut from: found, opened, and known by where they lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geopix.own_data.problems import Problems
from geopix.prediction.georeferenced import Georeference
from geopix.prediction.geotiff import GeoTiff
from geopix.prediction.inputs import find_images
from geopix.prediction.scenes import Reading
from harness.errors import MissingDataError, SampleError

SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class Raster:
    """A GeoTIFF.

    Attributes:
        path: where it is.
        name: the path as the command line spells it.
        width: in pixels.
        height: in pixels.
        place: where it lies.
        notes: what was converted when it was read.
    """

    path: Path
    name: str
    width: int
    height: int
    place: Georeference
    notes: tuple[str, ...]


def find_rasters(places: Sequence[Path], reading: Reading, problems: Problems) -> list[Raster]:
    """Returns the GeoTIFFs that are named, and those below the folders that are.

    Args:
        places: files and folders.
        reading: the bands and the stretch.
        problems: gets those that cannot be read or do not say where they lie.

    Raises:
        MissingDataError: a place does not exist, or there is no GeoTIFF.
    """
    files = [image for image in find_images(places) if image.path.suffix.lower() in SUFFIXES]
    if not files:
        named = ", ".join(map(str, places))
        raise MissingDataError(f"{named}: no GeoTIFF there; looked for {', '.join(SUFFIXES)}. Name a folder of them.")
    found = []
    for file in files:
        try:
            with GeoTiff.opened(file.path, reading) as scene:
                place, size, notes = scene.georeference, (scene.width, scene.height), scene.notes
        except SampleError as error:
            problems.add(file.name, str(error).removeprefix(f"{file.path}: "))
            continue
        if place is None:
            problems.add(
                file.name,
                "the raster has no coordinate reference system, so no polygon can be laid on it; give it one with "
                "`gdal_edit -a_srs EPSG:CODE -a_ullr ..`",
            )
        else:
            found.append(Raster(file.path, file.name, *size, place, notes))
    return found
