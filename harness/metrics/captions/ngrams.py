"""Runs of one to four words, counted once for each distinct sentence: references repeat a great deal."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

from harness.metrics.captions.ptb import words
from harness.records import Prediction

ORDERS = 4


@lru_cache(maxsize=2**15)
def counted(text: str) -> tuple[Mapping[str, int], ...]:
    """Returns how often each run of one, two, three and four words is in a text.

    >>> counted("The plane, the plane.")[1]
    Counter({'the plane': 2, 'plane the': 1})
    """
    found = words(text)
    return tuple(Counter(_runs(found, order)) for order in range(1, ORDERS + 1))


def _runs(found: tuple[str, ...], order: int) -> Iterable[str]:
    # As text and not as tuples: a text keeps its hash, and these are looked up many times.
    return map(" ".join, zip(*(found[start:] for start in range(order)), strict=False)) if order > 1 else found


def caption(prediction: Prediction) -> str:
    """Returns the caption that is scored; an answer that cannot be read has no words."""
    return prediction.text or "" if prediction.status == "ok" else ""
