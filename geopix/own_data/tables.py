"""A data set's tables: references and COCO instances in JSON, and where each tile lies."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geopix.own_data.ground import LONGITUDE_LATITUDE, applied, transformed
from geopix.own_data.records import Tile

IMAGES, REFERENCES, INSTANCES, FOOTPRINTS = "images", "references.json", "instances.json", "tiles.geojson"
Row = dict[str, Any]


def write_tables(folder: Path, name: str, tiles: Sequence[Tile], classes: Sequence[str]) -> None:
    """Writes references.json, instances.json (the form of gRefCOCO) and tiles.geojson.

    Args:
        folder: the data set's folder.
        name: its name.
        tiles: its tiles.
        classes: the names of its classes, in order.
    """
    images: list[Row] = []
    annotations: list[Row] = []
    references: list[Row] = []
    for number, tile in enumerate(tiles, 1):
        images.append(_image(number, tile))
        ids = [len(annotations) + 1 + at for at in range(len(tile.truth.targets))]
        annotations += list(_annotations(number, tile, ids, classes))
        references += list(_references(number, tile, ids, len(references)))
    categories = [{"id": at, "name": category, "supercategory": ""} for at, category in enumerate(classes, 1)]
    about = {"description": f"{name}, made by geopix tiles"}
    instances = {"info": about, "images": images, "annotations": annotations, "categories": categories}
    _write(folder / INSTANCES, instances)
    _write(folder / REFERENCES, references)
    _write(folder / FOOTPRINTS, {"type": "FeatureCollection", "features": list(map(_footprint, tiles))})


def _image(number: int, tile: Tile) -> Row:
    window = tile.spot.window
    return {"id": number, "file_name": tile.image, "height": window.height, "width": window.width}


def _annotations(image: int, tile: Tile, ids: Sequence[int], classes: Sequence[str]) -> Iterator[Row]:
    for number, target in zip(ids, tile.truth.targets, strict=True):
        yield {
            "id": number,
            "image_id": image,
            "category_id": 1 + classes.index(target.polygon.category),
            "segmentation": {"size": list(target.mask.size), "counts": target.mask.counts},
            "area": target.pixels,
            "bbox": list(target.box),
            "iscrowd": 0,
            "polygon": target.polygon.name,
        }


def _references(image: int, tile: Tile, ids: Sequence[int], before: int) -> Iterator[Row]:
    for number, question in enumerate(tile.questions, before + 1):
        yield {
            "ref_id": number,
            "image_id": image,
            "ann_id": [ids[at] for at in question.targets],
            "split": tile.spot.place.split,
            "sentences": [{"sent_id": number, "raw": question.expression, "sent": question.expression}],
            "place": tile.spot.place.group,
        }


def _footprint(tile: Tile) -> Row:
    window, raster = tile.spot.window, tile.spot.place.raster
    x, y = [window.x, window.right], [window.y, window.bottom]
    corners = np.array([[x[0], y[1]], [x[1], y[1]], [x[1], y[0]], [x[0], y[0]], [x[0], y[1]]], dtype=np.float64)
    ring = transformed(raster.place.crs, LONGITUDE_LATITUDE, applied(raster.place.transform, corners)).tolist()
    return {
        "type": "Feature",
        "properties": {"image": tile.image, "split": tile.spot.place.split, "place": tile.spot.place.group},
        "geometry": {"type": "Polygon", "coordinates": [[[round(value, 9) for value in point] for point in ring]]},
    }


def _write(path: Path, content: Sequence[Row] | Mapping[str, Any]) -> None:
    """Writes JSON, the rows of a list each on a line of its own."""
    path.write_text(_lines(content) + "\n", "utf-8")


def _lines(content: Any) -> str:
    if isinstance(content, Mapping):
        return "{" + ",\n".join(f"{json.dumps(key)}: {_lines(value)}" for key, value in content.items()) + "}"
    if isinstance(content, list):
        return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in content) + "\n]"
    return json.dumps(content, ensure_ascii=False)
