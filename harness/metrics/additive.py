"""What most metrics of the field have in common: their corpus score depends on sums alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

from harness.deferred import Deferred

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.interfaces import Columns
    from harness.records import Answered, Prediction, Target

    Floats = NDArray[np.float64]
    Totals = Mapping[str, Floats]
else:
    np = Deferred("numpy")


class Additive(ABC):
    """Gives a metric with `from_totals` its `reduce`."""

    @abstractmethod
    def from_totals(self, totals: Totals) -> Floats:
        """Returns float64[R] corpus scores from the statistics' sums float64[R]; NaN where undefined."""

    def reduce(self, columns: Columns) -> float | None:
        """Returns the corpus score of statistics float64[N], or None where it is undefined."""
        if not columns:
            return None
        score = float(self.from_totals({name: column.sum(keepdims=True) for name, column in columns.items()})[0])
        return None if isnan(score) else score


class Together(Additive):
    """A metric with `score_all` has nothing to say of one sample alone."""

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns nothing: the statistics come from `score_all`."""
        return {}

    @abstractmethod
    def score_all(self, samples: Sequence[Answered]) -> Sequence[Mapping[str, float]]:
        """Returns each sample's statistics, see `harness.interfaces.CorpusMetric`."""


def ratio(numerator: Floats, denominator: Floats, epsilon: float = 0.0) -> Floats:
    """Returns the quotients float64[R], epsilon added to the denominators; NaN where a denominator is 0 without it.

    >>> import numpy as np
    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    undefined = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator + epsilon, out=undefined, where=denominator != 0)
