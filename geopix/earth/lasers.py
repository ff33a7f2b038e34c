"""Writes LaSeRS's files: lists of instructions with masks in run-length encodings, and one JPEG an image.

The keys and folders are those that the authors' loader reads (SegEarth-R2, arXiv:2512.20013). Mini Earth has one list a
type of reasoning.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.picture import Picture, of_split
from geopix.earth.reasoning import reasonings
from geopix.earth.rrsisd import coded
from geopix.earth.seeds import REASONING

FOLDER = "LaSeRS"
Row = dict[str, Any]


class Lasers:
    """LaSeRS's layout."""

    def write_picture(self, root: Path, picture: Picture) -> list[tuple[str, Row]]:
        """Writes the image; returns its entries, each with the name of its list."""
        folder = root / FOLDER / picture.split / "images"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{picture.image_id:05d}.jpg"
        Image.fromarray(picture.scene.image).save(folder / name, quality=94, subsampling=0)
        found = []
        for number, asked in enumerate(reasonings(picture.scene, picture.random(REASONING))):
            masks = [
                {"size": [picture.size, picture.size], "counts": coded(picture.scene.instances[index].mask)}
                for index in asked.instances
            ]
            row = {
                "id": f"{picture.image_id:05d}_{number}",
                "image_name": name,
                "description": asked.question,
                "answer": asked.answer,
                "mask": masks,
            }
            found.append((asked.type.lower(), row))
        return found

    def samples(self, row: list[tuple[str, Row]]) -> int:
        """Counts the instructions."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[tuple[str, Row]]]]) -> None:
        """Writes `{split}/annotations/{type}.json`."""
        for split, images in of_split(rows).items():
            folder = root / FOLDER / split / "annotations"
            folder.mkdir(parents=True, exist_ok=True)
            entries = [entry for own in images for entry in own]
            for kind in sorted({kind for kind, _ in entries}):
                mine = [row for own, row in entries if own == kind]
                (folder / f"{kind}.json").write_text(json.dumps(mine), "utf-8")
