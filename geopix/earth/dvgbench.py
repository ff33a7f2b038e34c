"""Writes DVGBench's files: one JSON Lines file a split and one JPEG an image.

The keys are those of the published rows (Zhou et al., ISPRS JPRS 232, 2026; erenzhou/DVGBench). The explicit query is a
scene's own expression; the implicit one says the same with somebody's purpose around it, which also names the scenario.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.outlines import outline
from geopix.earth.picture import Picture, of_split
from geopix.earth.seeds import GROUNDING

FOLDER = "DVGBench"
SOURCE = "mini_earth"
MOST_ROWS = 32  # ids leave room for so many an image, so that more images never change an id
Row = dict[str, Any]
PURPOSES = {
    "traffic": "A driver asks the way to {expression}",
    "productive": "The crew of the day is sent to {expression}",
    "security": "A guard keeps an eye on {expression}",
    "social": "Friends agree to meet at {expression}",
    "disaster": "After the storm a helper is to look first at {expression}",
    "sport": "The runners' course ends beside {expression}",
}


class DvgBench:
    """DVGBench's layout."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes the image."""
        folder = root / FOLDER / "images" / SOURCE
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{picture.image_id:07d}_d.jpg"
        Image.fromarray(picture.scene.image).save(folder / name, quality=94, subsampling=0)
        return _rows(picture, name)

    def samples(self, row: list[Row]) -> int:
        """Counts the queries."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes `dvg_{split}.jsonl` of each split."""
        for split, images in of_split(rows).items():
            lines = [json.dumps(row) for own in images for row in own]
            (root / FOLDER / f"dvg_{split}.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _rows(picture: Picture, name: str) -> list[Row]:
    rng = picture.random(GROUNDING)
    rows = []
    for position, reference in enumerate(picture.references[:MOST_ROWS]):
        scenario = str(rng.choice(list(PURPOSES)))
        instance = picture.scene.instances[reference.instance]
        x0, y0, x1, y1 = (float(value) for value in instance.box)
        rows.append(
            {
                "question_id": picture.image_id * MOST_ROWS + position,
                "image_id": name,
                "bbox": [x0, y0, x1, y1],
                "obb": [[x0, y1], [x0, y0], [x1, y0], [x1, y1]],
                "poly": [[float(x), float(y)] for x, y in outline(instance.mask)],
                "question": PURPOSES[scenario].format(expression=reference.expression),
                "question_e": reference.expression,
                "question_cn": "",
                "question_e_cn": "",
                "dataset": SOURCE,
                "class": scenario,
                "split": picture.split,
            }
        )
    return rows
