"""Writes GeoChat-Bench's referring file: referring.jsonl and one PNG an image.

The keys are those that GeoChat's evaluation scripts read (Kuckreja et al., CVPR 2024). A row is about one object, named
by a scene's own expression, or about all objects of a category. The file is about the split `test` alone.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.phrases import plural
from geopix.earth.picture import Picture
from geopix.earth.scene import Box

FOLDER = "GeoChat-Bench"
Row = dict[str, Any]


class GeochatReferring:
    """GeoChat-Bench's layout, its referring expressions."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes the image, where it is in the split `test`."""
        if picture.split != "test":
            return []
        folder = root / FOLDER / "final_images_llava"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.scene.image).save(folder / f"{_name(picture)}.png", compress_level=1)
        rows = [*_single(picture), *_all_of_a_category(picture)]
        return [{"question_id": f"{_name(picture)}_{number}", **row} for number, row in enumerate(rows)]

    def samples(self, row: list[Row]) -> int:
        """Counts the expressions."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes the one table."""
        folder = root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row) for _, own in rows for row in own]
        (folder / "referring.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _name(picture: Picture) -> str:
    return f"P{picture.image_id:04d}_0000"


def _single(picture: Picture) -> Iterator[Row]:
    for reference in picture.references:
        yield _row(picture, reference.expression, [reference.instance])


def _all_of_a_category(picture: Picture) -> Iterator[Row]:
    counts = Counter(instance.category for instance in picture.scene.instances)
    for category, count in counts.items():
        if count > 1 and category not in picture.scene.fragments:
            of_it = [at for at, instance in enumerate(picture.scene.instances) if instance.category == category]
            yield _row(picture, f"{count} {plural(category)}", of_it)


def _row(picture: Picture, expression: str, instances: list[int]) -> Row:
    found = [picture.scene.instances[index] for index in instances]
    return {
        "image_id": _name(picture),
        "question": expression,
        "ground_truth": [_corners(instance.box) for instance in found],
        "dataset": "MINI",
        "type": "ref",
        "obj_ids": instances,
        "size_group": found[0].size_word,
    }


def _corners(box: Box) -> list[list[float]]:
    x0, y0, x1, y1 = map(float, box)
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
