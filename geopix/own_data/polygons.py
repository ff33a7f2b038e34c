"""Polygons with their classes, from GeoJSON, GeoPackage and Shapefile."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geopix.own_data.problems import Problems
from harness.errors import ConfigurationError, DataError, MissingDataError, nearest

#: What a file of each kind begins with. GDAL would open more; some of its formats read other files.
FORMATS: Mapping[str, bytes] = {
    ".geojson": b"{",
    ".json": b"{",
    ".gpkg": b"SQLite format 3\0",
    ".shp": b"\0\0\x27\x0a",
}
AREAS = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class Columns:
    """Which attributes say what.

    Attributes:
        category: holds a polygon's class.
        expression: holds words that name it; None where there are none.
        classes: the classes that there are; whatever is found when empty.
    """

    category: str
    expression: str | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Polygon:
    """A thing on the ground.

    Attributes:
        name: its file and its number there, from 1 on.
        category: its class.
        expression: words that name it; "" without.
        shape: a valid polygon, or several, in its layer's system.
    """

    name: str
    category: str
    expression: str
    shape: Any


@dataclass(frozen=True, eq=False)
class Layer:
    """The polygons of one file.

    Attributes:
        path: the file.
        crs: their coordinate reference system, x east and y north.
        polygons: those that can be used.
    """

    path: Path
    crs: CRS
    polygons: tuple[Polygon, ...]

    @cached_property
    def tree(self) -> Any:
        """Finds polygons by where they are: shapely's tree, in their order."""
        return shapely.STRtree([polygon.shape for polygon in self.polygons])


def read_layers(paths: Sequence[Path], columns: Columns, problems: Problems) -> list[Layer]:
    """Returns the polygons of some files.

    Args:
        paths: GeoJSON, GeoPackage or Shapefile; a GeoPackage has one layer.
        columns: which attributes say what.
        problems: gets the polygons that cannot be used: of another geometry, invalid, or without a class.

    Raises:
        MissingDataError: a file does not exist.
        DataError: a file cannot be read, or has no coordinate reference system.
        ConfigurationError: an attribute is in no polygon of a file; the nearest is suggested.
    """
    return [_read(path, columns, problems) for path in dict.fromkeys(paths)]


def _read(path: Path, columns: Columns, problems: Problems) -> Layer:
    _check_format(path)
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        if len(layers) != 1:
            raise DataError(
                f"{path}: expected one layer of polygons, found {len(layers)}: {', '.join(layers)}. Save the one that "
                "is meant to a file of its own."
            )
        about, _, shapes, values = pyogrio.raw.read(path, layer=layers[0], force_2d=True)
    except (DataSourceError, DataLayerError) as error:
        raise DataError(f"{path}: cannot be read as polygons: {error}. Check or save the file again.") from error
    fields = [str(name) for name in about["fields"]]
    wanted = {name: _column(path, name, fields, values) for name in (columns.category, columns.expression) if name}
    crs = _system(path, about["crs"])
    found = _polygons(path, shapely.from_wkb(shapes, on_invalid="ignore"), wanted, columns, problems)
    return Layer(path, crs, tuple(found))


def _check_format(path: Path) -> None:
    if not path.is_file():
        raise MissingDataError(f"--polygons: {path.absolute()} does not exist. Name a file of polygons.")
    begins = FORMATS.get(path.suffix.lower())
    with path.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip() if begins == b"{" else file.read(64)
    if begins is None or not head.startswith(begins):
        kinds = "GeoJSON (.geojson, .json), GeoPackage (.gpkg) or Shapefile (.shp)"
        raise DataError(f"--polygons: {path}: expected {kinds}, and this is none by its name and its first bytes.")


def _column(path: Path, name: str, fields: Sequence[str], values: Sequence[Any]) -> Sequence[Any]:
    if name not in fields:
        raise ConfigurationError(
            f"{path}: no polygon has an attribute {name!r}.{nearest(name, fields)} "
            f"There are: {', '.join(fields) or 'none'}."
        )
    column: Sequence[Any] = values[fields.index(name)]
    return column


def _system(path: Path, name: str | None) -> CRS:
    try:
        return CRS.from_user_input(name or "")
    except CRSError as error:
        raise DataError(
            f"{path}: the file does not say in which coordinate reference system its polygons are"
            f"{f' that is known: {name}' if name else ''}. Save it with one; a Shapefile's stands in its .prj."
        ) from error


def _polygons(
    path: Path, shapes: Sequence[Any], values: Mapping[str, Sequence[Any]], columns: Columns, problems: Problems
) -> Iterator[Polygon]:
    expressions = values[columns.expression] if columns.expression else [None] * len(shapes)
    rows = zip(shapes, values[columns.category], expressions, strict=True)
    for number, (shape, value, words) in enumerate(rows, 1):
        name, category = f"{path}: polygon {number}", _text(value)
        if problem := _shape_problem(shape) or _class_problem(category, columns):
            problems.add(name, problem)
        else:
            yield Polygon(name, category, _text(words), shape)


def _text(value: Any) -> str:
    """An attribute as words; "" where it has no value."""
    missing = value is None or (isinstance(value, float | np.floating) and np.isnan(value))
    return "" if missing else " ".join(str(value).split())


def _shape_problem(shape: Any) -> str | None:
    if shape is None or shape.is_empty:
        return "it has no geometry"
    if shape.geom_type not in AREAS:
        return f"a {shape.geom_type}; expected a Polygon or MultiPolygon"
    return None if shape.is_valid else f"its geometry is invalid: {shapely.is_valid_reason(shape)}"


def _class_problem(category: str, columns: Columns) -> str | None:
    if not category:
        return f"its attribute {columns.category!r} has no value"
    if columns.classes and category not in columns.classes:
        known = ", ".join(columns.classes)
        return f"unknown class {category!r}.{nearest(category, columns.classes)} Known with --classes: {known}"
    return None
