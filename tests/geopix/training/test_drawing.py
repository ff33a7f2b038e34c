"""What is drawn where: from the seed and the place alone."""

from pathlib import Path

from geopix.training.drawing import Drawing, Order
from geopix.training.turns import Lesson, Turn
from harness.records import ImageFile

LESSONS = [
    Lesson(
        ImageFile(str(number), Path(f"{number}.png")), tuple(Turn("vqa", f"{number}{q}?", "yes") for q in "abc"), 1.0
    )
    for number in range(5)
]


def test_any_place_can_be_looked_up_first() -> None:
    forwards, backwards = (Drawing(LESSONS, 2, 0.5, seed=3) for _ in range(2))
    places = list(range(37))
    one = {place: forwards.at(place) for place in places}
    assert {place: backwards.at(place) for place in reversed(places)} == one


def test_an_epoch_holds_each_lesson_as_often_as_its_weight_says() -> None:
    order = Order([1.0, 3.0, 0.5], seed=1)
    numbers = [order[place] for place in range(900)]
    assert 180 < numbers.count(0) < 220
    assert numbers.count(1) == 3 * numbers.count(0) or abs(numbers.count(1) - 3 * numbers.count(0)) <= 3
    assert 70 < numbers.count(2) < 130


def test_seeds_and_epochs_differ() -> None:
    drawn = [tuple(Order([1.0] * 9, seed)[place] for place in range(18)) for seed in (0, 1)]
    assert drawn[0] != drawn[1]
    assert sorted(drawn[0][:9]) == sorted(drawn[0][9:]) == list(range(9))
    assert drawn[0][:9] != drawn[0][9:]


def test_another_attempt_draws_another_lesson_sooner_or_later() -> None:
    drawing = Drawing(LESSONS, 2, 0.0, seed=0)
    assert len({drawing.at(4, attempt).lesson.image.id for attempt in range(12)}) > 2
    assert drawing.at(4, 3) == Drawing(LESSONS, 2, 0.0, seed=0).at(4, 3)
