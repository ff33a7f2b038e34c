"""Training samples with what the model marks in them, beside what it should mark."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geopix.drawing import draw_answer
from geopix.image_processing import to_rgb
from geopix.predictor import Answer, GeoPix
from geopix.training.turns import Lesson, Turn
from harness.masks import decode


def chosen_turns(lessons: Sequence[Lesson], count: int) -> list[tuple[Path, Turn]]:
    """Returns the first questions with masks, one an image; fewer where there are not so many images."""
    with_masks = [
        (lesson.image.path, turn)
        for lesson in lessons
        if (turn := next((turn for turn in lesson.turns if turn.masks), None)) is not None
    ]
    return with_masks[:count]


def draw_pictures(geopix: GeoPix, turns: Sequence[tuple[Path, Turn]], folder: Path) -> list[Path]:
    """Writes a picture for each question: on the left the right masks, on the right the model's.

    Args:
        geopix: the model, in evaluation mode.
        turns: images and questions.
        folder: where the pictures go, `1.png` and so on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (path, turn) in enumerate(turns, 1):
        answer = geopix.respond(path, turn.question, task=turn.capability, max_new_tokens=64)
        right = np.stack([decode(mask) for mask in turn.masks])
        sides = [draw_answer(path, _marked(right)), draw_answer(path, answer)]
        written.append(folder / f"{number}.png")
        _side_by_side(sides).save(written[-1])
    return written


def _marked(masks: NDArray[np.bool_]) -> Answer:
    return Answer("", masks, np.zeros((0, 4), np.float32), "none", 0, None)


def _side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    together = Image.new("RGB", (sum(picture.width for picture in pictures), pictures[0].height))
    left = 0
    for picture in pictures:
        together.paste(to_rgb(picture), (left, 0))
        left += picture.width
    return together
