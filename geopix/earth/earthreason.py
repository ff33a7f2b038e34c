"""Writes EarthReason's files: for each image a JPEG, a mask as PNG and its questions as JSON, in folders of one split.

The layout is what the authors' loader reads (Li et al., 2025; earth-insights/SegEarth-R1@e796b3b). About every third
picture is asked for something that is not there: its mask is black and its list of answers empty.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from geopix.earth.picture import Picture
from geopix.earth.reasoning import Reasoning, absent, reasonings
from geopix.earth.seeds import REASONING

FOLDER = "EarthReason"
NOTHING_EVERY = 3


class EarthReason:
    """EarthReason's layout."""

    def write_picture(self, root: Path, picture: Picture) -> int:
        """Writes the image, its mask and its question; returns how many questions that are."""
        asked = _asked(picture)
        if asked is None:
            return 0
        name = f"{picture.image_id:05d}"
        folders = {kind: root / FOLDER / picture.split / kind for kind in ("images", "labels", "QAs")}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.scene.image).save(folders["images"] / f"{name}.jpg", quality=94, subsampling=0)
        mask = np.zeros((picture.size, picture.size), dtype=np.uint8)
        for index in asked.instances:
            mask[picture.scene.instances[index].mask] = 255
        Image.fromarray(mask).save(folders["labels"] / f"{name}.png")
        answers = [f"{asked.thought} {asked.answer.replace(': [SEG]', '').partition(' and [SEG]')[0].rstrip('.')}."]
        content = {"questions": [asked.question], "answer": answers if asked.instances else []}
        (folders["QAs"] / f"{name}.json").write_text(json.dumps(content), "utf-8")
        return 1

    def samples(self, row: int) -> int:
        """Counts the questions."""
        return row

    def write_tables(self, root: Path, rows: Sequence[tuple[str, int]]) -> None:
        """EarthReason has no tables."""


def _asked(picture: Picture) -> Reasoning | None:
    rng = picture.random(REASONING)
    nothing = absent(picture.scene, rng) if picture.index % NOTHING_EVERY == 0 else None
    if nothing:
        return nothing
    found = reasonings(picture.scene, rng)
    return found[picture.index % len(found)] if found else None
