"""What metrics that ask a judge have in common: a mean that is undefined while the judge has failed on a sample."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from harness.deferred import Deferred
from harness.metrics.additive import Additive, ratio

if TYPE_CHECKING:
    import numpy as np

    from harness.metrics.additive import Floats, Totals
else:
    np = Deferred("numpy")

VALUE, COUNT, UNJUDGED = "value", "count", "unjudged"


def statistics(value: float, average: str | None, tags: Mapping[str, str]) -> dict[str, float]:
    """Returns a sample's `value` with a `count` of 1, under the averaged tag's value where there is one."""
    if average is None:
        return {VALUE: value, COUNT: 1.0}
    if average not in tags:
        return {}
    return {f"{VALUE}/{tags[average]}": value, f"{COUNT}/{tags[average]}": 1.0}


class JudgedMean(Additive):
    """The mean of the samples' values, or the unweighted mean of the means of a tag's values."""

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means; undefined where one of the samples is `unjudged`.

        >>> import numpy as np
        >>> JudgedMean().reduce({"value": np.array([1.0, 0.5]), "count": np.ones(2)})
        0.75
        >>> columns = {"value": np.array([1.0, 0.0]), "count": np.array([1.0, 0.0]), "unjudged": np.array([0.0, 1.0])}
        >>> JudgedMean().reduce(columns) is None
        True
        """
        counts = [name for name in totals if name.partition("/")[0] == COUNT]
        if not counts:
            return np.full_like(next(iter(totals.values())), np.nan)
        means = [ratio(totals[VALUE + name.removeprefix(COUNT)], totals[name]) for name in counts]
        mean = reduce(add, means) / len(means)
        return np.where(totals[UNJUDGED] > 0, np.nan, mean) if UNJUDGED in totals else mean
