"""Runs of one to four words, counted once for each distinct sentence: references repeat a great deal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from harness.metrics.captions.ptb import words
from harness.records import Prediction

ORDERS = 4


@lru_cache(maxsize=2**15)
def counted(text: str) -> tuple[Mapping[str, int], ...]:
    """Returns how often each run of one, two, three and four words is in a text.

    >>> dict(counted("The plane, the plane.")[1])
    {'the plane': 2, 'plane the': 1}
    """
    found = words(text)
    return tuple(_counts(_runs(found, order)) for order in range(1, ORDERS + 1))


def _runs(found: Sequence[str], order: int) -> Sequence[str]:
    # As text and not as tuples: a text keeps its hash, and these are looked up many times.
    if order == 1:
        return found
    return [" ".join(run) for run in zip(*(found[start:] for start in range(order)), strict=False)]


def _counts(runs: Sequence[str]) -> Mapping[str, int]:
    once = dict.fromkeys(runs, 1)
    return once if len(once) == len(runs) else Counter(runs)


def caption(prediction: Prediction) -> str:
    """Returns the caption that is scored; an answer that cannot be read has no words."""
    return prediction.text or "" if prediction.status == "ok" else ""
