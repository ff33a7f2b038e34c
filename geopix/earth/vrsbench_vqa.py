"""Writes VRSBench's questions: VRSBench_EVAL_vqa.json and one PNG an image.

The keys and the names of the types are those of the published file (Li et al., NeurIPS 2024 D&B; lx709/VRSBench,
eval_fianl/eval_vqa_gpt.ipynb). The file is about the split `test` alone.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geopix.earth.files import write_json, write_png
from geopix.earth.loveda import rural_or_urban
from geopix.earth.picture import Picture
from geopix.earth.rsieval import PLACES

FOLDER = "VRSBench"
TYPES = {"presence": "object existence", "count": "object quantity", "comp": "reasoning"}
Row = dict[str, Any]


def write_image(root: Path, picture: Picture) -> str:
    """Writes a picture where VRSBench keeps its own, and returns its file's name."""
    name = f"{picture.image_id:05d}_0000.png"
    write_png(root / FOLDER / "Images_val" / name, picture.scene.image)
    return name


class VrsbenchVqa:
    """VRSBench's layout, its questions."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes the image, where it is in the split `test`."""
        if picture.split != "test":
            return []
        name = write_image(root, picture)
        return [
            {"image_id": name, "question": text, "ground_truth": answer, "dataset": "RSBench", "type": kind}
            for text, answer, kind in _asked(picture)
        ]

    def samples(self, row: list[Row]) -> int:
        """Counts the questions."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes the one table, its questions numbered in the order of the images."""
        found = [row for _, own in rows for row in own]
        numbered = [{**row, "question_id": number} for number, row in enumerate(found)]
        write_json(root / FOLDER / "VRSBench_EVAL_vqa.json", numbered)


def _asked(picture: Picture) -> Iterator[tuple[str, str, str]]:
    """Question, answer and type."""
    for question in picture.questions:
        if question.type in TYPES:
            yield question.text, question.answer.capitalize(), TYPES[question.type]
    yield "What kind of place is in the image?", PLACES[picture.scene.theme], "scene type"
    yield "Is the area rural or urban?", rural_or_urban(picture.scene).capitalize(), "rural or urban"
    yield "Is the image in color?", "Yes", "image"
