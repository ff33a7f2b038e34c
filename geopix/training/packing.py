"""Puts together what several data sets ask about the same picture, so that it is read once for all of them.

Benchmarks share their pictures: RRSIS-D, DIOR-RSVG and GeoPixInstruct's SIOR part are all drawn from DIOR.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from geopix.training.turns import Lesson
from harness.errors import DataError

_NUMBER = re.compile(r"(\d+)$")


def by_number(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """Joins the lessons whose files' names end in the same number; the picture is the one of the file that leads.

    Which of a picture's files leads goes round with the number, so that all kinds of files are seen. A turn's share is
    its lesson's weight, divided among the lesson's turns.

    Args:
        lessons: the images with their questions, data set by data set.

    Returns:
        One lesson a picture, in the order of first sight, each with weight 1.

    Raises:
        DataError: a file's name does not end in a number.
    """
    groups: dict[int, list[Lesson]] = {}
    for lesson in lessons:
        groups.setdefault(_number(lesson), []).append(lesson)
    return tuple(_joined(number, group) for number, group in groups.items())


def _joined(number: int, group: Sequence[Lesson]) -> Lesson:
    leading = group[number % len(group)]
    return replace(
        leading,
        turns=tuple(turn for lesson in group for turn in lesson.turns),
        weight=1.0,
        shares=tuple(lesson.weight / len(lesson.turns) for lesson in group for _ in lesson.turns),
    )


def _number(lesson: Lesson) -> int:
    found = _NUMBER.search(lesson.image.path.stem)
    if found is None:
        raise DataError(
            f"{lesson.image.path}: expected a name that ends in a number, for `same_picture: number` joins files by it. "
            "Rename the files, or leave `same_picture` out."
        )
    return int(found[1])
