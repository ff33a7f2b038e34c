"""Writes GeoPixInstruct's annotations as parquet files, and one JPEG an image.

The columns are those of the published card (Ou et al., IEEE GRSM 2025; Norman-ou/GeoPixInstruct-Anno). Pictures go to
its three parts in turn. As published there are the splits train and valid: Mini Earth's others are part of valid. A
box is two corners here; the card does not say what the published ones are.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.picture import Picture
from geopix.earth.rrsisd import coded
from harness.errors import EnvironmentProblem

FOLDER = "GeoPixInstruct"
PARTS = ("SIOR_T", "FAST_T", "SOTA_T")
Row = dict[str, Any]


class GeoPixInstruct:
    """GeoPixInstruct's layout; needs pyarrow (extra `data`)."""

    def write_picture(self, root: Path, picture: Picture) -> tuple[str, Row] | None:
        """Writes the image; returns its part and its row, None where nothing in it can be named."""
        if not picture.references:
            return None
        part = PARTS[picture.index % len(PARTS)]
        place = Path(part.partition("_")[0]) / f"{picture.image_id:05d}.jpg"
        file = root / FOLDER / "images" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.scene.image).save(file, quality=94, subsampling=0)
        # One description an object, the first that is said of it.
        said = {reference.instance: reference.expression for reference in reversed(picture.references)}
        objects = [_object(picture, index, said[index]) for index in sorted(said)]
        return part, {"image_id": f"{picture.image_id:05d}", "image_path": place.as_posix(), "instances": objects}

    def samples(self, row: tuple[str, Row] | None) -> int:
        """Counts the objects."""
        return len(row[1]["instances"]) if row else 0

    def write_tables(self, root: Path, rows: Sequence[tuple[str, tuple[str, Row] | None]]) -> None:
        """Writes `data/{train,valid}.{part}-00000-of-00001.parquet`."""
        folder = root / FOLDER / "data"
        folder.mkdir(parents=True, exist_ok=True)
        tables: dict[str, list[Row]] = {}
        for split, found in rows:
            if found:
                tables.setdefault(f"{'train' if split == 'train' else 'valid'}.{found[0]}", []).append(found[1])
        for name, own in tables.items():
            _write(folder / f"{name}-00000-of-00001.parquet", own)


def _object(picture: Picture, index: int, description: str) -> Row:
    instance = picture.scene.instances[index]
    categories = sorted({each.category for each in picture.scene.instances})
    return {
        "bbox": [int(value) for value in instance.box],
        "category": instance.category.replace(" ", ""),
        "category_id": categories.index(instance.category),
        "description": description,
        "instance_id": f"{picture.image_id:05d}_{index}",
        "mask": {"counts": coded(instance.mask), "size": [picture.size, picture.size]},
    }


def _write(path: Path, rows: list[Row]) -> None:
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise EnvironmentProblem(
            f"the format geopixinstruct needs pyarrow ({error}). Install the extra: `pip install 'geopix[data]'`."
        ) from error
    parquet.write_table(arrow.Table.from_pylist(rows), path)
