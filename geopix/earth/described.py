"""Writes one long caption an image, as RSIEval and VRSBench keep theirs; both are test sets and take the split test."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geopix.earth.captions import description
from geopix.earth.karpathy import write_picture_file
from geopix.earth.picture import Picture
from geopix.earth.seeds import SENTENCES

SPLIT = "test"
# The question types of RSVQA that RSIEval has too, as RSIEval calls them.
RSIEVAL_TYPES = {"presence": "presence", "count": "quantity"}


@dataclass(frozen=True)
class DescribedImage:
    """What is written of one image.

    Attributes:
        image_id: From 1.
        name: The image's file.
        caption: Its description.
        questions: Question, answer and type of each of its questions that RSIEval would ask.
    """

    image_id: int
    name: str
    caption: str
    questions: tuple[tuple[str, str, str], ...]


def _described(picture: Picture, name: str) -> DescribedImage:
    questions = [(asked.text, asked.answer, asked.type) for asked in picture.questions if asked.type in RSIEVAL_TYPES]
    caption = description(picture.scene, picture.random(SENTENCES))
    return DescribedImage(picture.image_id, name, caption, tuple(questions))


@dataclass(frozen=True)
class _Described:
    """A data set of descriptions: its folder, and the folder of its images."""

    folder: str
    images: str

    def write_picture(self, root: Path, picture: Picture) -> DescribedImage | None:
        """Writes the image where it is one of the split test."""
        if picture.split != SPLIT:
            return None
        name = f"P{picture.image_id:04d}_0000.png"
        write_picture_file(root / self.folder / self.images / name, picture)
        return _described(picture, name)

    def samples(self, row: DescribedImage | None) -> int:
        """Counts the description, where there is one."""
        return int(row is not None)


class RsiEval(_Described):
    """RSIEval's layout: captions and questions in one file."""

    def __init__(self) -> None:
        super().__init__("RSIEval", "images")

    def write_tables(self, root: Path, rows: Sequence[tuple[str, DescribedImage | None]]) -> None:
        """Writes the annotations."""
        content = {"annotations": [_annotation(row) for _, row in rows if row]}
        _write(root / self.folder / "annotations.json", content)


class VrsBenchCaptions(_Described):
    """The layout of VRSBench's captions."""

    def __init__(self) -> None:
        super().__init__("VRSBench", "Images_val")

    def write_tables(self, root: Path, rows: Sequence[tuple[str, DescribedImage | None]]) -> None:
        """Writes the list of captions."""
        content = [_row(number, row) for number, row in enumerate(row for _, row in rows if row)]
        _write(root / self.folder / "VRSBench_EVAL_Cap.json", content)


def _annotation(row: DescribedImage) -> dict[str, Any]:
    pairs = [
        {"question": question, "answer": answer, "type": RSIEVAL_TYPES[kind]}
        for question, answer, kind in row.questions
    ]
    return {"filename": row.name, "caption": row.caption, "qa_pairs": pairs}


def _row(number: int, row: DescribedImage) -> dict[str, Any]:
    return {
        "image_id": row.name,
        "question": "Describe the image in detail",
        "ground_truth": row.caption,
        "dataset": "Mini Earth",
        "question_id": number,
    }


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
