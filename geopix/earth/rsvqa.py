"""Writes RSVQA-HR's files: three JSON files a split and one TIFF an image.

The keys are those of the published files (Lobry et al., TGRS 2020; zenodo 6344367), and so are the inactive rows that
a reader has to skip.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geopix.earth.picture import Picture, of_split
from geopix.earth.questions import Question

Row = dict[str, Any]
FOLDER = "RSVQA_HR"
INACTIVE = 2  # rows of each file that are withdrawn


@dataclass(frozen=True)
class AskedImage:
    """What RSVQA-HR's files say of one image."""

    image_id: int
    metres_per_pixel: float
    questions: tuple[Question, ...]


class RsvqaHr:
    """RSVQA-HR's layout."""

    def write_picture(self, root: Path, picture: Picture) -> AskedImage:
        """Writes the image."""
        write_tiff(root, picture.image_id, picture.scene.image)
        return AskedImage(picture.image_id, picture.scene.metres_per_pixel, picture.questions)

    def samples(self, row: AskedImage) -> int:
        """Counts the questions."""
        return len(row.questions)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, AskedImage]]) -> None:
        """Writes questions, answers and images of each split."""
        for split, images in of_split(rows).items():
            write_rsvqa(root, split, images)


def write_tiff(root: Path, image_id: int, image: NDArray[np.uint8]) -> None:
    """Writes `RSVQA_HR/Data/{image_id}.tif`, lossless, without dates."""
    folder = root / FOLDER / "Data"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / f"{image_id}.tif", compression="tiff_lzw")


def write_rsvqa(root: Path, split: str, images: Sequence[AskedImage]) -> None:
    """Writes `RSVQA_HR/USGS_split_{split}_{questions,answers,images}.json`.

    Args:
        root: The data set's folder.
        split: train, val or test.
        images: In the order of their ids; question ids count up from 0 in this order.
    """
    questions: list[Row] = []
    answers: list[Row] = []
    pictures: list[Row] = []
    for image in images:
        first = len(questions)
        pictures.append(_image_row(image, first))
        for number, question in enumerate(image.questions, start=first):
            questions.append(_question_row(number, image.image_id, question))
            answers.append(_answer_row(number, question))
    withdrawn = [{"id": len(questions) + extra, "active": False} for extra in range(INACTIVE)]
    beyond = max((image.image_id for image in images), default=0) + 1_000_000
    unseen = [{"id": beyond + extra, "questions_ids": [], "active": False} for extra in range(INACTIVE)]
    _write(root, split, "questions", [*questions, *withdrawn])
    _write(root, split, "answers", [*answers, *withdrawn])
    _write(root, split, "images", [*pictures, *unseen])


def _image_row(image: AskedImage, first: int) -> Row:
    return {
        "id": image.image_id,
        "date_added": 0,
        "original_name": "",
        "type": "RGB",
        "upperleft_map_x": 0.0,
        "upperleft_map_y": 0.0,
        "people_id": 0,
        "sensor": "Mini Earth",
        "scale": image.metres_per_pixel,
        "questions_ids": list(range(first, first + len(image.questions))),
        "active": True,
    }


def _question_row(number: int, image_id: int, question: Question) -> Row:
    return {
        "id": number,
        "date_added": 0,
        "img_id": image_id,
        "people_id": 0,
        "type": question.type,
        "question": question.text,
        "answers_ids": [number],
        "active": True,
    }


def _answer_row(number: int, question: Question) -> Row:
    return {
        "id": number,
        "date_added": 0,
        "question_id": number,
        "people_id": 0,
        "answer": question.answer,
        "active": True,
    }


def _write(root: Path, split: str, name: str, rows: Iterable[Row]) -> None:
    path = root / FOLDER / f"USGS_split_{split}_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: list(rows)}), "utf-8")
