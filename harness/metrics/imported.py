"""A score that another harness gave each sample, taken over as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.interfaces import MetricInfo
from harness.metrics.additive import Additive, ratio
from harness.records import Prediction, Target

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals


@dataclass(frozen=True)
class ImportedScore(Additive):
    """The mean of another harness's score of each sample.

    Its statistics come with the import, `n` and `total`; it scores nothing itself.

    Attributes:
        harness: whose score it is.
        metric: what the score is called there.
        higher_is_better: whether more of it is better.

    >>> import numpy as np
    >>> ImportedScore("lmms-eval 0.7.3", "exact_match").from_totals({"n": np.array([4.0]), "total": np.array([3.0])})
    array([0.75])
    """

    harness: str
    metric: str
    higher_is_better: bool = True

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        return MetricInfo(
            unit="score",
            direction="higher" if self.higher_is_better else "lower",
            formula=f"mean of {self.metric} over the samples",
            source=f"{self.harness}, as its log of samples has it; scored there, not here",
        )

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Leaves every sample out: only an import brings such scores."""
        return {}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the mean, NaN where no sample has the score."""
        return ratio(totals["total"], totals["n"])
