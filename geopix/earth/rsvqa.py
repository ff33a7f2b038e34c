"""Writes RSVQA's files, of the high and of the low resolution: three JSON files a split and one TIFF an image.

The keys are those of the published files (Lobry et al., TGRS 2020; zenodo 6344367 and 6344334), and so are the inactive
rows that a reader has to skip.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.loveda import rural_or_urban
from geopix.earth.picture import Picture, of_split
from geopix.earth.questions import Question

Row = dict[str, Any]
INACTIVE = 2  # rows of each file that are withdrawn


@dataclass(frozen=True)
class AskedImage:
    """What RSVQA-HR's files say of one image."""

    image_id: int
    metres_per_pixel: float
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Rsvqa:
    """The layout of one of the two data sets.

    Attributes:
        folder: the data set's folder.
        prefix: how the files of its splits begin.
        images: the folder of its images.
        asked: what is asked of a picture.
    """

    folder: str
    prefix: str
    images: str
    asked: Callable[[Picture], tuple[Question, ...]]

    def write_picture(self, root: Path, picture: Picture) -> AskedImage:
        """Writes the image, lossless, without dates."""
        folder = root / self.folder / self.images
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(picture.scene.image)
        image.save(folder / f"{picture.image_id}.tif", compression="tiff_lzw")
        return AskedImage(picture.image_id, picture.scene.metres_per_pixel, self.asked(picture))

    def samples(self, row: AskedImage) -> int:
        """Counts the questions."""
        return len(row.questions)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, AskedImage]]) -> None:
        """Writes questions, answers and images of each split."""
        for split, images in of_split(rows).items():
            write_rsvqa(root / self.folder / f"{self.prefix}_{split}", images)


def high_resolution(picture: Picture) -> tuple[Question, ...]:
    """Returns RSVQA-HR's questions: presence, comp, count and area."""
    return picture.questions


def low_resolution(picture: Picture) -> tuple[Question, ...]:
    """Returns RSVQA-LR's questions: presence, comp and count, and one whether the place is rural or urban."""
    place = Question("rural_urban", "Is it a rural or an urban area", rural_or_urban(picture.scene))
    return (place, *(question for question in picture.questions if question.type != "area"))


RSVQA_HR = Rsvqa("RSVQA_HR", "USGS_split", "Data", high_resolution)
RSVQA_LR = Rsvqa("RSVQA_LR", "LR_split", "Images_LR", low_resolution)


def write_rsvqa(start: Path, images: Sequence[AskedImage]) -> None:
    """Writes `{start}_{questions,answers,images}.json`.

    Args:
        start: How the paths of the split's files begin.
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
    _write(start, "questions", [*questions, *withdrawn])
    _write(start, "answers", [*answers, *withdrawn])
    _write(start, "images", [*pictures, *unseen])


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


def _write(start: Path, name: str, rows: Iterable[Row]) -> None:
    path = start.with_name(f"{start.name}_{name}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: list(rows)}), "utf-8")
