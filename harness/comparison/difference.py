"""How two runs differ on the same samples: the difference, its interval, and how surely it is not chance."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from harness.comparison.pairing import Pairs
from harness.comparison.randomization import sides_changed
from harness.deferred import Deferred
from harness.interfaces import AdditiveMetric, Columns, Metric
from harness.statistics import percentiles, resampled_scores

# Half a second of imports that most comparisons do not need.
special = Deferred("scipy.special")

LEVEL = 0.95
POWER = 0.8

Test = Literal["exact McNemar", "cluster randomization"]


@dataclass(frozen=True)
class Difference:
    """Two scores of the same samples, and what can be said of their difference.

    Attributes:
        base: the baseline's score over the samples that both runs scored; None where undefined.
        head: the other run's.
        value: head minus base, in the metric's own unit; None where one of them is undefined.
        low, high: ends of its 95 % interval, from a paired cluster bootstrap; None where it cannot be had.
        p_value: of the null hypothesis that the two runs are alike, two-sided, unadjusted; None where there is no test.
        test: the name of the test; None where there is none.
        n: how many samples both runs scored.
        clusters: from how many clusters.
        detectable: the smallest true difference that a test at level 0.05 finds in 80 % of such test sets; None where
            no two answers score differently, or there is no interval.
        wins: samples on which `head` has the greater score; None for a metric that does not score single samples.
        losses: samples on which `base` has the greater score; likewise.
        reason: why there is no test or no interval; None where there are both.
    """

    base: float | None
    head: float | None
    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    test: Test | None
    n: int
    clusters: int
    detectable: float | None = None
    wins: int | None = None
    losses: int | None = None
    reason: str | None = None


def paired_difference(
    metric: Metric, pairs: Pairs, *, replicates: int = 2000, flips: int = 4999, seed: int = 0
) -> Difference:
    """Compares two runs on the samples that both scored.

    The interval is that of a paired cluster bootstrap: whole clusters are drawn, the same for both runs, and both
    corpus scores are computed anew from the drawn samples' statistics (percentiles; see `harness.statistics`).

    The test is McNemar's exact one (McNemar, Psychometrika 12, 1947: the samples on which exactly one run is right
    fall either way with chance 1/2) where the metric is a share of right answers and no cluster holds two samples.
    Questions about one image are not independent, and McNemar's test would then find too much; otherwise whole
    clusters change sides at random (see `sides_changed`), which for a mean is the sign-flip test of the clusters' sums.

    Args:
        metric: the metric that the statistics belong to.
        pairs: both runs' statistics, sample by sample.
        replicates: resamples of the bootstrap.
        flips: random exchanges of the test; p-values are multiples of 1 / (flips + 1).
        seed: of both.
    """
    n = len(pairs.sample_ids)
    if not n:
        return _nothing(pairs, None, None, "no sample is scored in both runs")
    base, head = metric.reduce(pairs.base), metric.reduce(pairs.head)
    if base is None or head is None:
        return _nothing(pairs, base, head, "the score is undefined over these samples")
    if pairs.clusters < 2:
        return _nothing(pairs, base, head, f"a test needs two clusters or more, found {pairs.clusters}")
    scores = per_sample(metric, pairs.base), per_sample(metric, pairs.head)
    found = _spread(metric, pairs, replicates, seed)
    test, p_value = paired_test(metric, pairs, flips=flips, seed=seed)
    reason = found.reason or (
        f"the score is undefined in too many exchanges of the {test}" if p_value is None else None
    )
    return Difference(
        base=base,
        head=head,
        value=head - base,
        low=found.low,
        high=found.high,
        p_value=p_value,
        test=test,
        n=n,
        clusters=pairs.clusters,
        detectable=found.detectable,
        wins=_count(scores[1] > scores[0], scores),
        losses=_count(scores[0] > scores[1], scores),
        reason=found.reason or reason,
    )


def per_sample(metric: Metric, columns: Columns) -> NDArray[np.float64]:
    """Returns the score of each sample by itself as float64[N], NaN where one sample has no score.

    >>> from harness.metrics.accuracy import Accuracy
    >>> per_sample(Accuracy(), {"correct": np.array([1.0, 0.0]), "count": np.ones(2)})
    array([1., 0.])
    """
    if hasattr(metric, "from_totals"):
        return cast(AdditiveMetric, metric).from_totals(columns)
    count = len(next(iter(columns.values())))
    rows = ({name: column[row : row + 1] for name, column in columns.items()} for row in range(count))
    found = [metric.reduce(row) for row in rows]
    return np.array([np.nan if score is None else score for score in found], dtype=np.float64)


@dataclass(frozen=True)
class _Spread:
    low: float | None
    high: float | None
    detectable: float | None
    reason: str | None


def _spread(metric: Metric, pairs: Pairs, replicates: int, seed: int) -> _Spread:
    base, head = (
        resampled_scores(metric, columns, pairs.groups, pairs.clusters, replicates=replicates, seed=seed)
        for columns in (pairs.base, pairs.head)
    )
    differences = head - base
    bounds = percentiles(differences, pairs.clusters, LEVEL)
    error = float(np.nanstd(differences, ddof=1)) if bounds.reason is None else 0.0
    return _Spread(bounds.low, bounds.high, detectable_effect(error) if error else None, bounds.reason)


def detectable_effect(standard_error: float, alpha: float = 1 - LEVEL, power: float = POWER) -> float:
    """Returns the smallest true difference that a two-sided test at level `alpha` finds with chance `power`.

    >>> round(detectable_effect(1.0), 2)  # 1.96 + 0.84
    2.8
    """
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * standard_error


def paired_test(metric: Metric, pairs: Pairs, *, flips: int = 4999, seed: int = 0) -> tuple[Test, float | None]:
    """Returns which test suits two runs' answers, and its two-sided p-value; None where it cannot be had."""
    if pairs.clusters == len(pairs.sample_ids) and _right_or_wrong(metric, pairs):
        base, head = per_sample(metric, pairs.base), per_sample(metric, pairs.head)
        return "exact McNemar", mcnemar(base == 1, head == 1)
    return "cluster randomization", sides_changed(metric, pairs, flips, seed)


def _right_or_wrong(metric: Metric, pairs: Pairs) -> bool:
    return _share_of_right(metric, pairs.base) and _share_of_right(metric, pairs.head)


def _share_of_right(metric: Metric, columns: Columns) -> bool:
    """Whether each sample is right or wrong, and the corpus score is the share of right ones."""
    scores = per_sample(metric, columns)
    if not np.isin(scores, (0.0, 1.0)).all():
        return False
    return bool(np.isclose(metric.reduce(columns) or 0.0, scores.mean(), rtol=0, atol=1e-12))


def least_p_value(clusters: int) -> float:
    """Returns the least p-value that either test can give: every cluster speaks for the same run.

    >>> least_p_value(5), least_p_value(6)  # five clusters never reach 0.05
    (0.0625, 0.03125)
    """
    return 2.0 ** (1 - clusters)


def mcnemar(base: NDArray[np.bool_], head: NDArray[np.bool_]) -> float:
    """Returns the two-sided p-value of McNemar's exact test for right and wrong answers bool[N] to the same questions.

    >>> base, head = np.array([True] * 8 + [False] * 2), np.array([False] * 8 + [True] * 2)
    >>> round(mcnemar(base, head), 4)  # 2 (1 + 10 + 45) / 2**10
    0.1094
    """
    lost, won = int((base & ~head).sum()), int((head & ~base).sum())
    return min(1.0, 2 * float(special.bdtr(min(won, lost), won + lost, 0.5)))


def _count(wanted: NDArray[np.bool_], scores: tuple[NDArray[np.float64], NDArray[np.float64]]) -> int | None:
    return None if np.isnan(scores[0]).all() or np.isnan(scores[1]).all() else int(wanted.sum())


def _nothing(pairs: Pairs, base: float | None, head: float | None, reason: str) -> Difference:
    value = None if base is None or head is None else head - base
    return Difference(base, head, value, None, None, None, None, len(pairs.sample_ids), pairs.clusters, reason=reason)
