"""How sure a score is: confidence intervals from a seeded cluster bootstrap."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import AdditiveMetric, Columns, Metric

UNDEFINED_SHARE = 0.05
_CHUNK = 2**18


@dataclass(frozen=True)
class Interval:
    """A percentile interval, or the reason why there is none.

    Attributes:
        low: lower bound, in the score's own unit; None where there is no interval.
        high: upper bound; likewise.
        replicates: how many resamples gave a score.
        clusters: how many independent groups of samples there are.
        reason: why there is no interval; None where there is one.
    """

    low: float | None
    high: float | None
    replicates: int
    clusters: int
    reason: str | None = None


def interval(
    metric: Metric,
    columns: Columns,
    clusters: NDArray[np.str_],
    *,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Interval:
    """Returns the confidence interval of a corpus score.

    What is estimated: between which values the score lies for `level` of the test sets that could have been drawn in
    the place of this one, the model and its answers to each sample being fixed. Questions about one image are not
    independent, so images are drawn, with replacement and as many as there are, and each brings all its questions
    (Field and Welsh, Bootstrapping clustered data, J. R. Statist. Soc. B 69, 2007). The bounds are percentiles of the
    resampled scores (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Where every sample
    scores alike the interval has no width: it then says nothing about samples unlike those seen.

    Args:
        metric: the metric; one with `from_totals` is resampled by a matrix product.
        columns: its statistics, each float64[N].
        clusters: the group of each sample, str[N].
        level: the share of resampled scores between the bounds, in (0, 1).
        replicates: how many resamples are drawn.
        seed: the same seed and data give the same interval, whatever the samples' order.
    """
    members, groups = np.unique(clusters, return_inverse=True)
    count = len(members)
    if count < 2:
        return Interval(None, None, 0, count, f"an interval needs two clusters or more, found {count}")
    random = np.random.default_rng(seed)
    if hasattr(metric, "from_totals"):
        scores = _additive(cast(AdditiveMetric, metric), columns, groups, count, replicates, random)
    else:
        scores = _general(metric, columns, groups, count, replicates, random)
    defined = scores[~np.isnan(scores)]
    if len(defined) < (1 - UNDEFINED_SHARE) * replicates:
        reason = (
            f"the score is undefined in {replicates - len(defined)} of {replicates} resamples: "
            f"{count} clusters are too few for it"
        )
        return Interval(None, None, len(defined), count, reason)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), len(defined), count)


def _additive(
    metric: AdditiveMetric,
    columns: Columns,
    groups: NDArray[np.int64],
    count: int,
    replicates: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Resampled scores float64[R] from the clusters' sums: how often each cluster is drawn, times the sums."""
    sums = np.stack([np.bincount(groups, weights=column, minlength=count) for column in columns.values()], axis=1)
    chunk = max(1, _CHUNK // count)
    totals = np.concatenate(
        [_draws(min(chunk, replicates - start), count, random) @ sums for start in range(0, replicates, chunk)]
    )
    return metric.from_totals(dict(zip(columns, totals.T, strict=True)))


def _draws(replicates: int, count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """How often each cluster is drawn in each resample, float64[R, C]; each row sums to C."""
    drawn = random.integers(0, count, size=(replicates, count))
    drawn += np.arange(replicates)[:, None] * count
    times = np.bincount(drawn.ravel(), minlength=replicates * count)
    return times.reshape(replicates, count).astype(np.float64)


def _general(
    metric: Metric,
    columns: Columns,
    groups: NDArray[np.int64],
    count: int,
    replicates: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Resampled scores float64[R] of a metric that needs the samples themselves."""
    order = np.argsort(groups, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(groups, minlength=count))[:-1])
    return np.array([_resampled(metric, columns, rows, random) for _ in range(replicates)], dtype=np.float64)


def _resampled(metric: Metric, columns: Columns, rows: list[NDArray[np.int64]], random: np.random.Generator) -> float:
    chosen = np.concatenate([rows[cluster] for cluster in random.integers(0, len(rows), size=len(rows))])
    score = metric.reduce({name: column[chosen] for name, column in columns.items()})
    return np.nan if score is None else score
