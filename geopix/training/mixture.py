"""What a model is taught: data sets that yield conversations about images, mixed by their weights.

`DataSet` is the seam for further kinds of data: whatever yields lessons can be part of a mixture.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from geopix.processing import PROMPT_TEMPLATE, TASKS
from geopix.tokenizer import IMAGE_TOKEN
from geopix.training.turns import Lesson, Turn
from harness.errors import GeoPixError


@dataclass(frozen=True)
class LeftOut:
    """A sample that is not taught.

    Attributes:
        reason: why, with the sample's name.
        missing: the name of its image, where that is not there; None otherwise.
    """

    reason: str
    missing: str | None = None


class DataSet(Protocol):
    """One data set of a mixture."""

    @property
    def name(self) -> str:
        """What messages and checkpoints call it."""

    def lessons(self, skipped: list[LeftOut]) -> Iterator[Lesson]:
        """Yields its images with their conversations, always in the same order.

        Args:
            skipped: gets each sample that is left out by the recipe's policy.

        Raises:
            DataError: a sample cannot be used, and the policy is to stop.
        """


@dataclass(frozen=True)
class Mixture:
    """All that a run teaches.

    Attributes:
        lessons: the images with their questions, data set by data set.
        digests: sha256 of each data set's conversations, in the recipe's order: (name, digest).
        skipped: the samples that were left out.
    """

    lessons: tuple[Lesson, ...]
    digests: tuple[tuple[str, str], ...] = ()
    skipped: tuple[LeftOut, ...] = ()


def read_mixture(data_sets: Sequence[DataSet]) -> Mixture:
    """Reads data sets one after the other.

    Raises:
        DataError: a data set's files contradict their format, or a sample cannot be used.
    """
    found: list[Lesson] = []
    digests = []
    skipped: list[LeftOut] = []
    for data_set in data_sets:
        own = list(data_set.lessons(skipped))
        digests.append((data_set.name, digest_of(own)))
        found.extend(own)
    return Mixture(tuple(found), tuple(digests), tuple(skipped))


def digest_of(lessons: Sequence[Lesson]) -> str:
    """Returns the sha256 of what lessons teach: image ids, questions, answers and masks; not the images' bytes."""
    digest = hashlib.sha256()
    for lesson in lessons:
        turns = [_content(turn) for turn in lesson.turns]
        digest.update(json.dumps([lesson.image.id, turns], sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _content(turn: Turn) -> dict[str, Any]:
    content = asdict(turn)
    if not turn.then:
        del content["then"]  # digests of before there was such a thing stay what they were
    return content


def raise_all(problems: Sequence[GeoPixError]) -> None:
    """Raises one error that says all problems, of the first one's kind; nothing where there are none."""
    if problems:
        raise type(problems[0])("\n".join(dict.fromkeys(map(str, problems))))


def texts(lessons: Sequence[Lesson]) -> Iterator[str]:
    """Yields all words of lessons as the model will see them, for a tokenizer to learn from."""
    before, _, after = PROMPT_TEMPLATE.partition("{text}")
    for lesson in lessons:
        for turn in (each for first in lesson.turns for each in first.exchanges):
            for question in (turn.question, *turn.phrasings):
                yield f"{before.replace(IMAGE_TOKEN, '')}{TASKS[turn.capability]} {question}{after} {turn.answer}"
