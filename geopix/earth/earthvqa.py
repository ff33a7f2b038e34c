"""Writes EarthVQA's files: for each split one JSON object, each image's name to its questions, and one PNG an image.

The keys are those that the authors' predictor writes (Wang et al., AAAI 2024; Junjue-Wang/EarthVQA, predict_soba.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geopix.earth.files import write_json, write_png
from geopix.earth.loveda import SPLITS, rural_or_urban
from geopix.earth.picture import Picture, of_split

FOLDER = "EarthVQA"
TYPES = {"presence": "Basic Judging", "comp": "Reasoning-based Judging", "count": "Basic Counting"}
Row = dict[str, Any]


class EarthVqa:
    """EarthVQA's layout."""

    def write_picture(self, root: Path, picture: Picture) -> tuple[str, list[Row]]:
        """Writes the image."""
        name = f"{picture.image_id}.png"
        write_png(root / FOLDER / _split(picture.split) / "images_png" / name, picture.scene.image)
        asked = [
            {"Type": TYPES[question.type], "Question": question.text, "Answer": _answer(question.answer)}
            for question in picture.questions
            if question.type in TYPES
        ]
        place = rural_or_urban(picture.scene).capitalize()
        asked.append({"Type": "Comprehensive Analysis", "Question": "Is it a rural or urban scene?", "Answer": place})
        return name, asked

    def samples(self, row: tuple[str, list[Row]]) -> int:
        """Counts the questions."""
        return len(row[1])

    def write_tables(self, root: Path, rows: Sequence[tuple[str, tuple[str, list[Row]]]]) -> None:
        """Writes `{Split}_QA.json` of each split."""
        for split, images in of_split(rows).items():
            write_json(root / FOLDER / f"{_split(split)}_QA.json", dict(images))


def _split(name: str) -> str:
    return SPLITS.get(name, name.capitalize())


def _answer(text: str) -> str | int:
    return int(text) if text.isdecimal() else text.capitalize()
