"""Questions, masks and words of pictures that were turned and mirrored: still true of what is there."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geopix.training.augmentation.conversations import changed_text, changed_turns
from geopix.training.augmentation.symmetry import Symmetry
from geopix.training.drawing import Drawing, draw_change
from geopix.training.examples import Examples
from geopix.training.schema import Augmentation, Defects, Source
from geopix.training.sources import find_data
from geopix.training.turns import Lesson, Turn
from harness.masks import box_of, decode, encode
from harness.plugins import installed
from harness.records import ImageFile
from harness.run import catalogue_of

CHANGES = [Symmetry(mirrored, turns) for mirrored in (False, True) for turns in range(4)]
SIDES = {"left": (0, 1), "right": (0, -1), "top": (1, 1), "upper": (1, 1), "bottom": (1, -1), "lower": (1, -1)}
PLACE = re.compile(r"(?:on|at|in) the ((?:upper |lower )?(?:left|right|top|bottom))\b")


def is_there(turn: Turn, place: str) -> bool:
    """Whether a mask's box has its centre at a place, by the halves of the picture."""
    box = box_of(turn.masks[0])
    assert box is not None
    height, width = turn.masks[0].size
    centre = ((box[0] + box[2]) / 2 / width - 0.5, (box[1] + box[3]) / 2 / height - 0.5)
    return all(centre[axis] * sign < 0 for axis, sign in (SIDES[word] for word in place.split()))


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_expressions_of_mini_earth_stay_true(change: Symmetry, earth: Path) -> None:
    source = Source(task="rrsis", dataset={"split": "train"})
    (data,) = find_data([source], earth, catalogue_of(()), installed())
    turns = [turn for lesson in data.lessons([]) for turn in lesson.turns if PLACE.search(turn.question)]
    assert turns
    for turn in turns:
        (changed,) = changed_turns([turn], change) or (None,)
        assert changed is not None
        place = PLACE.search(changed.question)
        assert place is not None
        assert is_there(changed, place[1]), (turn.question, changed.question)


def picture(folder: Path) -> ImageFile:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[:2, :2] = 255
    path = folder / "corner.png"
    Image.fromarray(pixels).save(path)
    return ImageFile("corner", path)


def about(question: str, answer: str = "It is <SEG> at {<0><0><25><25>}.") -> Turn:
    mask = np.zeros((8, 8), dtype=np.bool_)
    mask[:2, :2] = True
    return Turn("segment", question, answer, (encode(mask),), ("ship",), id="1")


def drawn(folder: Path, *turns: Turn, **chances: float) -> list[tuple[np.ndarray, tuple[Turn, ...]]]:
    lesson = Lesson(picture(folder), turns, augmentation=Augmentation(**chances))
    examples = Examples(Drawing([lesson], 5, 0.0, 0), Defects(), 0, 12)
    return [(np.asarray(each.picture) > 0, each.turns) for each in map(examples.__getitem__, range(12))]


def test_picture_mask_box_and_words_change_together(tmp_path: Path) -> None:
    seen = set()
    asked = about("Segment the ship in the upper left corner.")
    for pixels, (turn,) in drawn(tmp_path, asked, horizontal_flip=0.5, vertical_flip=0.5, rotation=0.5):
        mask = decode(turn.masks[0])
        assert np.array_equal(pixels[..., 0], mask)
        vertical, horizontal = "upper" if mask[:4].any() else "lower", "left" if mask[:, :4].any() else "right"
        assert turn.question == f"Segment the ship in the {vertical} {horizontal} corner."
        x, y = 0 if horizontal == "left" else 75, 0 if vertical == "upper" else 75
        assert turn.answer == f"It is <SEG> at {{<{x}><{y}><{x + 25}><{y + 25}>}}."
        seen.add(turn.question)
    assert len(seen) == 4


def test_a_picture_stays_as_it_is_where_one_question_cannot_be_said_of_the_changed_one(tmp_path: Path) -> None:
    asked = about("Segment the ship in the upper left corner."), about("Segment the ship, left by its crew.")
    for pixels, turns in drawn(tmp_path, *asked, horizontal_flip=1.0):
        assert pixels[:2, :2].all()
        assert {turn.question for turn in turns} == {turn.question for turn in asked}


def test_what_is_asked_next_is_changed_too() -> None:
    first = Turn("vqa", "What is on the left?", "A ship.", then=(about("Segment the left ship."),))
    (changed,) = changed_turns([first], Symmetry(mirrored=True)) or ()
    assert (changed.question, changed.then[0].question) == ("What is on the right?", "Segment the right ship.")
    assert decode(changed.then[0].masks[0])[:2, 6:].all()
    unsayable = Turn("vqa", "What is on the left?", "A ship.", then=(about("Segment the letter H."),))
    assert changed_turns([unsayable], Symmetry(mirrored=True)) is None


def test_boxes_in_words_are_kept_within_the_image() -> None:
    assert changed_text("{<0><10><100><20>}", Symmetry(turns=1)) == "{<10><0><20><100>}"


def test_chances_decide_what_is_done() -> None:
    random = np.random.default_rng(0)
    assert {draw_change(Augmentation(), random) for _ in range(20)} == {Symmetry()}
    assert {draw_change(Augmentation(horizontal_flip=1), random) for _ in range(20)} == {Symmetry(mirrored=True)}
    assert {draw_change(Augmentation(rotation=1), random) for _ in range(40)} == {Symmetry(turns=t) for t in (1, 2, 3)}
    everything = Augmentation(horizontal_flip=0.5, vertical_flip=0.5, rotation=0.5)
    assert len({draw_change(everything, random) for _ in range(200)}) == 8
    flips = [draw_change(Augmentation(horizontal_flip=0.3), random).mirrored for _ in range(1000)]
    assert 250 < sum(flips) < 350
