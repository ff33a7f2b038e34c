"""What is asked at each place of a run: a pure function of the seed and the place, so that a run can go on anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geopix.processing import SEG
from geopix.training.augmentation.symmetry import IDENTITY, Symmetry, symmetry
from geopix.training.schema import Augmentation
from geopix.training.turns import Lesson, Turn

PAIR_ANSWER = f"They are {SEG} and {SEG}."

_EPOCHS, _QUESTIONS, _OTHERS, _CHANGES = range(4)  # streams of chance that share the seed and nothing else


class Order:
    """Which lesson stands at each place of an endless run: epoch by epoch, each lesson as often as its weight says.

    A whole weight is exact; of a fraction chance decides, anew in each epoch.

    Args:
        weights: how often each lesson is drawn in an epoch; one at least is above 0.
        seed: decides everything.

    >>> order = Order([1.0, 2.0], seed=0)
    >>> sorted(order[place] for place in range(3)), sorted(order[place] for place in range(3, 6))
    ([0, 1, 1], [0, 1, 1])
    """

    def __init__(self, weights: Sequence[float], seed: int) -> None:
        self._weights = np.array(weights, dtype=float)
        self._seed = seed
        self._ends = [0]  # the places at which epochs end
        self._latest: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, dtype=np.int64))

    def __getitem__(self, place: int) -> int:
        """Returns the number of the lesson at a place, counted from 0."""
        while self._ends[-1] <= place:
            self._ends.append(self._ends[-1] + len(self._epoch(len(self._ends) - 1)))
        number = int(np.searchsorted(self._ends, place, side="right")) - 1
        return int(self._epoch(number)[place - self._ends[number]])

    def _epoch(self, number: int) -> NDArray[np.int64]:
        if self._latest[0] != number:
            random = np.random.default_rng((self._seed, _EPOCHS, number))
            times = np.floor(self._weights + random.random(len(self._weights))).astype(int)
            self._latest = number, random.permutation(np.repeat(np.arange(len(times)), times))
        return self._latest[1]


@dataclass(frozen=True)
class Choice:
    """What is drawn for one place.

    Attributes:
        lesson: the image and all of its questions.
        turns: the questions that are asked.
        change: how the picture is turned and mirrored, where their words allow it.
    """

    lesson: Lesson
    turns: tuple[Turn, ...]
    change: Symmetry = IDENTITY


class Drawing:
    """Draws a lesson and some of its questions for each place of a run.

    Args:
        lessons: what there is.
        questions: how many questions about an image at most.
        pairs: the chance that a segmentation question asks for a second target as well.
        seed: decides everything.
    """

    def __init__(self, lessons: Sequence[Lesson], questions: int, pairs: float, seed: int) -> None:
        self._lessons = lessons
        self._questions = questions
        self._pairs = pairs
        self._seed = seed
        self._order = Order([lesson.weight for lesson in lessons], seed)

    def at(self, place: int, attempt: int = 0) -> Choice:
        """Returns what is drawn for a place; a later attempt draws another lesson, for one that cannot be used."""
        number = self._order[place] if attempt == 0 else self._another(place, attempt)
        random = np.random.default_rng((self._seed, _QUESTIONS, place, attempt))
        lesson = self._lessons[number]
        change = draw_change(lesson.augmentation, np.random.default_rng((self._seed, _CHANGES, place, attempt)))
        return Choice(lesson, tuple(draw(lesson, self._questions, self._pairs, random)), change)

    def _another(self, place: int, attempt: int) -> int:
        return int(np.random.default_rng((self._seed, _OTHERS, place, attempt)).integers(len(self._lessons)))


def draw(lesson: Lesson, count: int, pairs: float, random: np.random.Generator) -> list[Turn]:
    """Returns some of an image's questions, put in several ways, some segmentation questions joined in pairs.

    Half of the questions are put as their task puts them, the others in one of their other phrasings.

    Args:
        lesson: the image and its questions.
        count: how many at most.
        pairs: the chance that a segmentation question asks for a second target as well.
        random: the source of chance.
    """
    order = _some(lesson, count, random)
    chosen = [_phrased(lesson.turns[index], random) for index in order]
    return [_joined(turn, chosen, random) if turn.subject and random.random() < pairs else turn for turn in chosen]


def _some(lesson: Lesson, count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Returns the numbers of some different turns, in the order in which they are asked."""
    number = len(lesson.turns)
    if not lesson.shares:
        return random.permutation(number)[:count]
    chances = np.array(lesson.shares) / sum(lesson.shares)
    return random.choice(number, size=min(count, number), replace=False, p=chances)


def draw_change(augmentation: Augmentation, random: np.random.Generator) -> Symmetry:
    """Returns how a picture is turned and mirrored, by the chances that a recipe gives."""
    across, upwards, round_ = random.random(3)
    return symmetry(
        horizontal_flip=across < augmentation.horizontal_flip,
        vertical_flip=upwards < augmentation.vertical_flip,
        turns=int(random.integers(1, 4)) if round_ < augmentation.rotation else 0,
    )


def _phrased(turn: Turn, random: np.random.Generator) -> Turn:
    if not turn.phrasings or random.random() < 0.5:
        return turn
    return replace(turn, question=turn.phrasings[random.integers(len(turn.phrasings))])


def _joined(turn: Turn, others: Sequence[Turn], random: np.random.Generator) -> Turn:
    partners = [other for other in others if other.subject and other.masks != turn.masks]
    if not partners:
        return turn
    partner = partners[random.integers(len(partners))]
    return Turn(
        capability="segment",
        question=turn.question.replace(turn.subject, f"{turn.subject} and {partner.subject}"),
        answer=PAIR_ANSWER,
        masks=turn.masks + partner.masks,
        classes=turn.classes + partner.classes,
        id=f"{turn.id}+{partner.id}",
    )
