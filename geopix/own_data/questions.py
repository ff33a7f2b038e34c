"""What is asked of a tile: every class in it, every expression in it, and a class that is not there."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from geopix.own_data.cutting import Truth


@dataclass(frozen=True)
class Question:
    """What is asked for, and which of a tile's targets it means.

    Attributes:
        expression: the words.
        targets: places in the tile's targets; none where there is no such thing.
    """

    expression: str
    targets: tuple[int, ...]


def every(category: str) -> str:
    """Returns the words that mean all things of a class.

    >>> every("storage tank")
    'every storage tank'
    """
    return f"every {category}"


def asked(truth: Truth, classes: Sequence[str], absent: int, chance: str) -> list[Question]:
    """Returns the questions about a tile; those in the same words mean all that any of them means.

    Args:
        truth: what it shows.
        classes: all classes of the data.
        absent: how many classes that are not there are asked for, at most.
        chance: text that decides which; other text, other classes.
    """
    meant: dict[str, list[int]] = {}
    for at, target in enumerate(truth.targets):
        meant.setdefault(every(target.polygon.category), []).append(at)
    for at, target in enumerate(truth.targets):
        if words := target.polygon.expression:
            found = meant.setdefault(words, [])
            if at not in found:
                found.append(at)
    there = [Question(words, tuple(sorted(targets))) for words, targets in meant.items()]
    missing = sorted(set(classes) - truth.touched, key=lambda name: shuffled(f"{chance}/{name}"))
    return there + [Question(every(name), ()) for name in missing[:absent] if every(name) not in meant]


def shuffled(text: str) -> bytes:
    """Returns a key to sort by that is as good as chance, and the same for the same text."""
    return hashlib.sha256(text.encode()).digest()
