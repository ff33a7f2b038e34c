"""ROUGE-L: the longest run of words, gaps allowed, that a caption shares with a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.interfaces import MetricInfo
from harness.metrics.additive import Additive, ratio
from harness.metrics.captions.ptb import words
from harness.records import Prediction, Target

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals

BETA_SQUARED = 1.2**2


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Returns the length of the longest common subsequence.

    Bit-parallel: a whole row of the usual table is one integer (Hyyrö, AWOCA 2004).

    >>> common_length("a white plane is here".split(), "a plane here".split())
    3
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(first)) - 1
    row = whole
    for word in second:
        steps = row & places.get(word, 0)
        row = (row + steps | row - steps) & whole
    return len(first) - row.bit_count()


def rouge_l(text: str, references: Sequence[str]) -> float:
    """Returns one caption's ROUGE-L in [0, 1]: F with recall 1.44 times as heavy as precision.

    Precision and recall are each the best over the references, as in COCO's evaluation, not those of one reference.
    A text without words counts as one empty word, so that it equals an empty reference: COCO's way again.

    >>> round(rouge_l("a white plane", ["a plane"]), 4)  # P 2/3, R 1: 2.44 * P * R / (R + 1.44 * P)
    0.8299
    """
    said = words(text) or ("",)
    expected = [words(reference) or ("",) for reference in references]
    common = [common_length(said, reference) for reference in expected]
    precision = max(common) / len(said)
    recall = max(length / len(reference) for length, reference in zip(common, expected, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA_SQUARED) * precision * recall / (recall + BETA_SQUARED * precision)


@dataclass(frozen=True)
class RougeL(Additive):
    """The mean over captions of ROUGE-L, as COCO's evaluation computes it.

    >>> metric = RougeL()
    >>> metric.score(Target(texts=("a plane",)), Prediction("ok", text="A plane."), {})
    {'rouge_l': 1.0, 'count': 1.0}
    """

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        return MetricInfo(
            "percent", "higher",
            "mean of (1 + b^2) P R / (R + b^2 P), b = 1.2; P, R = longest common subsequence / words said, / words of "
            "the reference, each the best over the references",
            "Lin, Text Summarization Branches Out 2004; as pycocoevalcap 1.2 (Rouge) on Penn Treebank words",
        )  # fmt: skip

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the caption's `rouge_l` and a `count` of 1; an answer that cannot be read has 0."""
        if not target.texts:
            return {}
        read = prediction.status in ("ok", "empty")
        return {"rouge_l": rouge_l(prediction.text or "", target.texts) if read else 0.0, "count": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["rouge_l"], totals["count"])
