"""Writes NWPU-Captions' files: a table a scene class in one JSON file, a folder a class for the pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geopix.earth.karpathy import EACH, CaptionedImage, captioned, words, write_picture_file
from geopix.earth.picture import Picture

FOLDER = "NWPU-Captions"


class NwpuCaptions:
    """NWPU-Captions' layout; a scene's theme is its class."""

    def write_picture(self, root: Path, picture: Picture) -> CaptionedImage:
        """Writes the image."""
        theme = picture.scene.theme
        name = f"{theme}_{picture.image_id:03d}.jpg"
        write_picture_file(root / FOLDER / "NWPU_images" / theme / name, picture)
        return captioned(picture, name)

    def samples(self, row: CaptionedImage) -> int:
        """Counts the image."""
        return 1

    def write_tables(self, root: Path, rows: Sequence[tuple[str, CaptionedImage]]) -> None:
        """Writes all splits' captions."""
        tables: dict[str, list[dict[str, Any]]] = {}
        for _, row in rows:
            tables.setdefault(row.scene, []).append(_image(row))
        (root / FOLDER / "dataset_nwpu.json").write_text(json.dumps(tables), "utf-8")


def _image(row: CaptionedImage) -> dict[str, Any]:
    number = row.image_id - 1
    found: dict[str, Any] = {"filename": row.name, "imgid": number, "split": row.split}
    for place, text in enumerate(row.sentences):
        suffix = f"_{place}" if place else ""
        found |= {f"raw{suffix}": f"{text.removesuffix('.')} .", f"tokens{suffix}": words(text)}
    return found | {"sentids": [number * EACH + place for place in range(EACH)]}
