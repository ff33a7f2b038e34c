"""What most metrics of the field have in common: their corpus score depends on sums alone."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Columns

Totals = Mapping[str, NDArray[np.float64]]


class Additive:
    """Gives a metric with `from_totals` its `reduce`."""

    def from_totals(self, totals: Totals) -> NDArray[np.float64]:
        """Returns float64[R] corpus scores from the statistics' sums float64[R]; NaN where undefined."""
        raise NotImplementedError

    def reduce(self, columns: Columns) -> float | None:
        """Returns the corpus score of statistics float64[N], or None where it is undefined."""
        if not columns:
            return None
        score = float(self.from_totals({name: column.sum(keepdims=True) for name, column in columns.items()})[0])
        return None if np.isnan(score) else score


def ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the quotients float64[R]; NaN where the denominator is 0.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator != 0)
