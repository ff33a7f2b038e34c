"""Writes VRSBench's referring expressions: VRSBench_EVAL_referring.json and one PNG an image.

The keys are those of the published file (Li et al., NeurIPS 2024 D&B; lx709/VRSBench prepare_eval_all.ipynb). A box is
text, whole hundredths of the image's sides with the decimals cut off. The file is about the split `test` alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.picture import Picture
from geopix.earth.references import Reference

FOLDER = "VRSBench"
Row = dict[str, Any]


class VrsbenchReferring:
    """VRSBench's layout, its referring expressions."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes the image, where it is in the split `test`."""
        if picture.split != "test":
            return []
        folder = root / FOLDER / "Images_val"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"P{picture.image_id:04d}_0000.png"
        Image.fromarray(picture.scene.image).save(folder / name, compress_level=1)
        return [_row(picture, reference, name) for reference in picture.references]

    def samples(self, row: list[Row]) -> int:
        """Counts the expressions."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes the one table, its questions numbered in the order of the images."""
        found = [row for _, own in rows for row in own]
        folder = root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        numbered = [{**row, "question_id": number} for number, row in enumerate(found)]
        (folder / "VRSBench_EVAL_referring.json").write_text(json.dumps(numbered, indent=1), "utf-8")


def _row(picture: Picture, reference: Reference, name: str) -> Row:
    instance = picture.scene.instances[reference.instance]
    x0, y0, x1, y1 = (value / picture.size for value in instance.box)
    same = sum(other.category == reference.category for other in picture.scene.instances)
    return {
        "image_id": name,
        "question": reference.expression,
        "ground_truth": "{" + "".join(f"<{int(value * 100)}>" for value in (x0, y0, x1, y1)) + "}",
        "dataset": "RSBench",
        "question_id": 0,
        "type": "ref",
        "unique": same == 1,
        "obj_corner": [x0, y0, x1, y0, x1, y1, x0, y1],
        "obj_cls": reference.category.replace(" ", "-"),
        "obj_ids": [0],
        "size_group": instance.size_word,
    }
