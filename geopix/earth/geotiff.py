"""Writes scenes as people have their own: a GeoTIFF each, and a GeoJSON of what is in them, on the ground."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geopix.earth.picture import Picture, of_split
from geopix.earth.scene import Instance
from harness.errors import EnvironmentProblem

FOLDER = "GeoTIFF"
#: UTM zone 33 north; scenes stand in rows of so many, so many metres apart, none on another's ground.
SYSTEM = "EPSG:32633"
CORNER = (500_000.0, 5_600_000.0)
IN_A_ROW, METRES_APART = 100, 200.0
Row = dict[str, Any]


class GeoTiffs:
    """GeoTIFFs with polygons; needs rasterio and shapely (extra `geo`)."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes `{split}/{id}.tif`; returns a GeoJSON feature a thing, in longitude and latitude."""
        rasterio = _rasterio()
        place = _transform(picture)
        file = root / FOLDER / picture.split / f"{picture.image_id:05d}.tif"
        file.parent.mkdir(parents=True, exist_ok=True)
        bands = np.moveaxis(picture.scene.image, -1, 0)
        shape = {"count": 3, "height": picture.size, "width": picture.size, "dtype": "uint8"}
        with rasterio.open(
            file, "w", driver="GTiff", crs=SYSTEM, transform=place, compress="deflate", photometric="RGB", **shape
        ) as written:
            written.write(bands)
        return [_feature(instance, place, file.stem) for instance in picture.scene.instances]

    def samples(self, row: list[Row]) -> int:
        """Counts the polygons."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes `{split}.geojson`."""
        for split, found in of_split(rows).items():
            lines = ",\n".join(json.dumps(feature) for features in found for feature in features)
            text = f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'
            (root / FOLDER / f"{split}.geojson").write_text(text, "utf-8")


def _transform(picture: Picture) -> Any:
    """From pixel corners to metres east and north."""
    from rasterio.transform import Affine  # noqa: PLC0415 - an extra

    down, across = divmod(picture.image_id, IN_A_ROW)
    side = picture.scene.metres_per_pixel
    return Affine(side, 0, CORNER[0] + across * METRES_APART, 0, -side, CORNER[1] - down * METRES_APART)


def _feature(instance: Instance, place: Any, scene: str) -> Row:
    """A thing: the outline of its visible pixels, and words that are true of it in any part of the picture."""
    from rasterio.features import shapes  # noqa: PLC0415 - an extra
    from rasterio.warp import transform_geom  # noqa: PLC0415
    from shapely import MultiPolygon, orient_polygons  # noqa: PLC0415
    from shapely.geometry import mapping, shape  # noqa: PLC0415

    pixels = instance.mask.astype(np.uint8)
    found = [shape(each) for each, _ in shapes(pixels, mask=instance.mask, connectivity=4, transform=place)]
    outline = mapping(orient_polygons(MultiPolygon(found) if len(found) > 1 else found[0]))
    # RFC 7946: longitude and latitude; nine decimals are a tenth of a millimetre.
    geometry = transform_geom(SYSTEM, "EPSG:4326", outline, precision=9)
    words = {
        "category": instance.category,
        "colour": instance.color,
        "size": instance.size_word,
        "phrase": f"every {instance.color} {instance.category}",
        "scene": scene,
    }
    return {"type": "Feature", "properties": words, "geometry": geometry}


def _rasterio() -> Any:
    try:
        import rasterio  # noqa: PLC0415 - an extra
        import shapely  # noqa: F401, PLC0415
    except ImportError as error:
        raise EnvironmentProblem(
            f"the format geotiff needs rasterio and shapely ({error}). Install the extra: `pip install 'geopix[geo]'`."
        ) from error
    return rasterio
