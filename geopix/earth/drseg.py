"""Writes DRSeg's files: one list of questions and polygons a split, and one JPEG an image.

The keys are those that the authors' loader reads (Ke et al., PixDLM, CVPR 2026; XIEFOX/PixDLM@43ab597). Each picture
has one entry; the three types of reasoning take turns where a scene has a question of each.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.outlines import outline
from geopix.earth.picture import Picture, of_split
from geopix.earth.reasoning import reasonings
from geopix.earth.seeds import REASONING

FOLDER = "DRSeg"
Row = dict[str, Any]


class DrSeg:
    """DRSeg's layout."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes the image, where there is a question about it."""
        found = reasonings(picture.scene, picture.random(REASONING))
        if not found:
            return []
        folder = root / FOLDER / "CODrone" / f"DR{picture.split}"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{picture.image_id:06d}"
        Image.fromarray(picture.scene.image).save(folder / f"{name}.jpg", quality=94, subsampling=0)
        asked = found[picture.index % len(found)]
        polygons = [outline(picture.scene.instances[index].mask) for index in asked.instances]
        return [
            {
                "id": name,
                "height": picture.size,
                "width": picture.size,
                "ann_list": [{"segmentation": [value for point in polygon for value in point]} for polygon in polygons],
                "questions": [asked.question],
                "answers": [f"<think>{asked.thought}</think> {asked.answer}"],
                "reasoning_types": [asked.type],
            }
        ]

    def samples(self, row: list[Row]) -> int:
        """Counts the questions."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes `labels/DRSeg_{split}.json` of each split."""
        folder = root / FOLDER / "labels"
        folder.mkdir(parents=True, exist_ok=True)
        for split, images in of_split(rows).items():
            entries = [row for own in images for row in own]
            (folder / f"DRSeg_{split}.json").write_text(json.dumps(entries), "utf-8")
