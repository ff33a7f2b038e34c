"""BLEU: how many runs of words of the captions are in their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from harness.deferred import Deferred
from harness.interfaces import MetricInfo
from harness.metrics.additive import Additive
from harness.metrics.captions.ngrams import ORDERS, caption, counted
from harness.metrics.captions.ptb import words
from harness.records import Prediction, Target

if TYPE_CHECKING:
    import numpy as np

    from harness.metrics.additive import Floats, Totals
else:
    np = Deferred("numpy")

# pycocoevalcap's guards against a division by nothing; they are why a perfect score is 0.9999999997.
TINY, SMALL = 1e-15, 1e-9


@dataclass(frozen=True)
class Matches:
    """What BLEU counts in one caption.

    Attributes:
        right: for each length from one to four, the runs that a reference has too, each counted as often as in the
            reference that has it most often.
        said: all runs of that length.
        reference: the number of words of the reference whose length is closest, the shorter of two.
    """

    right: tuple[int, ...]
    said: tuple[int, ...]
    reference: int


# BLEU-1 to BLEU-4 are four metrics of one task and look at the same counts.
@lru_cache(maxsize=2**14)
def matches(text: str, references: tuple[str, ...]) -> Matches:
    """Returns the counts of one caption.

    >>> matches("the plane the plane", ("a plane", "the white plane"))
    Matches(right=(2, 0, 0, 0), said=(4, 3, 2, 1), reference=3)
    """
    length = len(words(text))
    lengths = (len(words(reference)) for reference in references)
    tables = [counted(reference) for reference in references]
    right = [_right(runs, [table[order] for table in tables]) for order, runs in enumerate(counted(text))]
    said = tuple(max(0, length - order) for order in range(ORDERS))
    return Matches(tuple(right), said, min(lengths, key=lambda other: (abs(other - length), other)))


def _right(runs: Mapping[str, int], references: Sequence[Mapping[str, int]]) -> int:
    """How many of a caption's runs a reference has, each as often as in the reference that has it most often."""
    total = 0
    for run, count in runs.items():
        most = max([reference.get(run, 0) for reference in references])
        total += count if count < most else most
    return total


@dataclass(frozen=True)
class Bleu(Additive):
    """BLEU-N over all captions together, nothing smoothed.

    The geometric mean of the precisions of runs of 1 to N words, times a penalty for captions that are shorter than
    their references.

    >>> metric = Bleu(order=1)
    >>> one = metric.score(Target(texts=("a white plane here",)), Prediction("ok", text="A white ship."), {})
    >>> one
    {'right_1': 2.0, 'said_1': 3.0, 'reference': 4.0}
    >>> import numpy as np
    >>> round(metric.reduce({name: np.array([value]) for name, value in one.items()}), 4)  # 2/3 * exp(1 - 4/3)
    0.4777

    Attributes:
        order: N, the longest run.
    """

    order: Literal[1, 2, 3, 4] = 4

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = (
            f"(product of p_1 .. p_{self.order})^(1/{self.order}) * min(1, exp(1 - r/c)); p_n = runs of n words that a "
            "reference has / runs of n words, summed over all captions; c words said, r words of the closest references"
        )
        return MetricInfo(
            "percent", "higher", formula,
            "Papineni et al., ACL 2002; as pycocoevalcap 1.2 (closest reference, not smoothed) on Penn Treebank words",
        )  # fmt: skip

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the runs `right_n` and `said_n` for each n, and the words of the closest `reference`."""
        if not target.texts:
            return {}
        found = matches(caption(prediction), target.texts)
        counts: dict[str, float] = {}
        for order, (right, said) in enumerate(zip(found.right, found.said, strict=True), 1):
            if order <= self.order:
                counts |= {f"right_{order}": float(right), f"said_{order}": float(said)}
        return counts | {"reference": float(found.reference)}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns BLEU of the sums; undefined without a caption."""
        product = np.ones_like(totals["said_1"])
        for order in range(1, self.order + 1):
            product *= (totals[f"right_{order}"] + TINY) / (totals[f"said_{order}"] + SMALL)
        said, reference = totals["said_1"], totals["reference"]
        with np.errstate(divide="ignore", over="ignore"):
            penalty = np.exp(np.minimum(0.0, 1 - (reference + SMALL) / (said + TINY)))
        return product ** (1 / self.order) * penalty
