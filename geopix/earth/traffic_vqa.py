"""Writes Traffic-VQA's files: questions about pairs of an optical and a thermal image of one place.

The keys are those of the published files (Zhang et al., arXiv 2603.10722); the names of its 31 types are not known
here, so the types are those of Mini Earth's questions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from geopix.earth.files import Pixels, write_jpeg, write_json
from geopix.earth.picture import Picture, of_split
from geopix.earth.scene import Scene
from geopix.earth.seeds import THERMAL

FOLDER = "Traffic-VQA"
Row = dict[str, Any]
# How warm things are by day, 0 to 255; what drives or is heated is warmest, water coldest.
WARMTH = {
    "water": 50, "grass": 95, "farmland": 100, "forest": 80, "road": 150, "parking": 150, "soil": 125, "sand": 140,
    "pavement": 145, "building": 165, "ship": 120, "airplane": 130, "storage tank": 110, "vehicle": 225,
    "tennis court": 150, "basketball court": 150,
}  # fmt: skip
USUAL_WARMTH = 100


class TrafficVqa:
    """Traffic-VQA's layout."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes both images."""
        pair = {kind: f"{kind}/{picture.image_id:05d}.jpg" for kind in ("optical", "thermal")}
        write_jpeg(root / FOLDER / pair["optical"], picture.scene.image)
        write_jpeg(root / FOLDER / pair["thermal"], thermal(picture.scene, picture.random(THERMAL)))
        paths = {"optical_image_path": pair["optical"], "thermal_image_path": pair["thermal"]}
        return [
            {**paths, "question_type": question.type, "question": question.text, "gt": question.answer}
            for question in picture.questions
        ]

    def samples(self, row: list[Row]) -> int:
        """Counts the questions."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes `{split}_dataset.json` of each split, its questions numbered in the order of the images."""
        for split, images in of_split(rows).items():
            found = [row for own in images for row in own]
            numbered = [{**row, "question_id": number} for number, row in enumerate(found)]
            write_json(root / FOLDER / f"{split}_dataset.json", numbered)


def thermal(scene: Scene, rng: np.random.Generator) -> Pixels:
    """Returns uint8[H, W]: how a thermal camera may see a scene, coarse, soft and noisy; no physics."""
    warmth = np.full(scene.image.shape[:2], USUAL_WARMTH, dtype=np.float32)
    for name, cover in scene.covers.items():
        warmth[cover] = WARMTH.get(name, USUAL_WARMTH)
    for instance in scene.instances:
        warmth[instance.mask] = WARMTH[instance.category]
    # Dark surfaces take up more of the sun.
    warmth += (128 - scene.image.mean(axis=-1, dtype=np.float32)) * 0.12
    warmth += rng.normal(0, 5, warmth.shape).astype(np.float32)
    image = Image.fromarray(np.clip(warmth, 0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(scene.image.shape[0] / 200)))
