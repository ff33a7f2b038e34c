"""Questions of several data sets about the same picture, behind that picture."""

from pathlib import Path

import pytest

from geopix.training.drawing import Drawing
from geopix.training.packing import by_number
from geopix.training.turns import Lesson, Turn
from harness.errors import DataError
from harness.records import ImageFile


def lesson(file: str, *questions: str, weight: float = 1.0) -> Lesson:
    return Lesson(ImageFile(file, Path(file)), tuple(Turn("vqa", each, "yes") for each in questions), weight)


LESSONS = [
    lesson("a/1.tif", "a1", "a2", weight=3.0), lesson("a/2.tif", "a3"),
    lesson("b/00001.jpg", "b1"), lesson("c/port_2.png", "c1"), lesson("c/port_3.png", "c2"),
]  # fmt: skip


def test_files_of_the_same_number_are_one_picture() -> None:
    packed = by_number(LESSONS)
    assert [[turn.question for turn in each.turns] for each in packed] == [["a1", "a2", "b1"], ["a3", "c1"], ["c2"]]


def test_packed_pictures_weigh_the_same_whatever_their_lessons_weighed() -> None:
    assert [each.weight for each in by_number(LESSONS)] == [1.0, 1.0, 1.0]


def test_each_kind_of_file_leads_for_some_pictures() -> None:
    assert [str(each.image.path) for each in by_number(LESSONS)] == ["b/00001.jpg", "a/2.tif", "c/port_3.png"]


def test_a_source_is_asked_as_often_as_its_weight_says_however_much_it_has_to_ask() -> None:
    (pack,) = by_number([lesson("1.tif", *"abcdefgh", weight=1.0), lesson("1.jpg", "z", weight=1.0)])
    drawn = [Drawing([pack], 1, 0.0, seed=0).at(place).turns[0].question for place in range(600)]
    assert 240 < drawn.count("z") < 360


def test_a_question_is_drawn_at_most_once_a_time() -> None:
    (pack,) = by_number([lesson("1.tif", *"abc"), lesson("1.jpg", "z", weight=9.0)])
    for place in range(20):
        questions = [turn.question for turn in Drawing([pack], 4, 0.0, seed=0).at(place).turns]
        assert sorted(questions) == ["a", "b", "c", "z"]


def test_a_file_without_a_number_is_named() -> None:
    with pytest.raises(DataError, match="port.png: expected a name that ends in a number"):
        by_number([lesson("port.png", "a")])
