"""How sure a score is: confidence intervals from a seeded cluster bootstrap."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import sqrt
from statistics import NormalDist
from typing import cast

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import AdditiveMetric, Columns, Metric

UNDEFINED_SHARE = 0.05
_CHUNK = 2**15
_KEPT = 2**25


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
    clusters: NDArray[np.str_] | NDArray[np.int64],
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
    resampled scores (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13), expanded for few
    clusters, see `percentiles`. Where every sample scores alike the interval has no width: it then says nothing about
    samples unlike those seen.

    Args:
        metric: the metric; one with `from_totals` is resampled by a matrix product.
        columns: its statistics, each float64[N].
        clusters: the group of each sample, str[N] or int64[N].
        level: the share of resampled scores between the bounds, in (0, 1).
        replicates: how many resamples are drawn.
        seed: the same seed and data give the same interval, whatever the samples' order.
    """
    members, groups = np.unique(clusters, return_inverse=True)
    count = len(members)
    if count < 2:
        return Interval(None, None, 0, count, f"an interval needs two clusters or more, found {count}")
    scores = resampled_scores(metric, columns, groups, count, replicates=replicates, seed=seed)
    return percentiles(scores, count, level)


def resampled_scores(
    metric: Metric, columns: Columns, groups: NDArray[np.int64], count: int, *, replicates: int = 2000, seed: int = 0
) -> NDArray[np.float64]:
    """Returns the scores float64[R] of resampled test sets, NaN where undefined.

    The draws depend on the number of clusters and the seed alone: called for two models with the same clusters, both
    are scored on the same resampled test sets, and the differences are those of a paired bootstrap.

    Args:
        metric: the metric; one with `from_totals` is resampled by a matrix product.
        columns: its statistics, each float64[N].
        groups: the cluster of each sample, int64[N] in [0, C).
        count: C, how many clusters there are.
        replicates: R, how many resamples are drawn.
        seed: of the draws.
    """
    resamples = _resamples(replicates, count, seed)
    if hasattr(metric, "from_totals"):
        return _additive(cast(AdditiveMetric, metric), columns, groups, resamples)
    return _general(metric, columns, groups, resamples)


def percentiles(scores: NDArray[np.float64], count: int, level: float = 0.95) -> Interval:
    """Returns the expanded percentile interval of resampled scores, or of differences of them.

    Plain percentiles are too narrow for few clusters, as a normal interval is where Student's t is due. The share that
    is cut off is made smaller by as much (Hesterberg, What Teachers Should Know about the Bootstrap, The American
    Statistician 69, 2015): with 30 clusters 1.9 % instead of 2.5 % on either side.

    Args:
        scores: float64[R], NaN where undefined.
        count: how many clusters were drawn from.
        level: the share of scores between the bounds, in (0, 1).
    """
    replicates = len(scores)
    defined = scores[~np.isnan(scores)]
    if len(defined) < (1 - UNDEFINED_SHARE) * replicates:
        reason = (
            f"the score is undefined in {replicates - len(defined)} of {replicates} resamples: "
            f"{count} clusters are too few for it"
        )
        return Interval(None, None, len(defined), count, reason)
    outside = _expanded((1 - level) / 2, count)
    low, high = np.quantile(defined, [outside, 1 - outside])
    return Interval(float(low), float(high), len(defined), count)


def _expanded(outside: float, count: int) -> float:
    """The share to cut off on either side so that few clusters give an interval as wide as Student's t would.

    Student's quantile is taken from the normal one by its series (Abramowitz and Stegun 26.7.5), which is good to
    0.3 % from five degrees of freedom on, and needs no scipy while a task is run.
    """
    z, freedom = NormalDist().inv_cdf(outside), count - 1
    series = (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return NormalDist().cdf(sqrt(count / freedom) * (z + series))


def _resamples(replicates: int, count: int, seed: int) -> Iterable[NDArray[np.uint16]]:
    """How often each cluster is drawn in each resample, in chunks uint16[r, C] of R rows in all; each row sums to C."""
    return _kept(replicates, count, seed) if replicates * count <= _KEPT else _drawn(replicates, count, seed)


# The metrics of a task are resampled one after the other, by the same draws.
@lru_cache(maxsize=1)
def _kept(replicates: int, count: int, seed: int) -> tuple[NDArray[np.uint16], ...]:
    return tuple(_drawn(replicates, count, seed))


def _drawn(replicates: int, count: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    random = np.random.default_rng(seed)
    for start in range(0, replicates, rows := max(1, _CHUNK // count)):
        size = min(rows, replicates - start)
        chosen = random.integers(0, count, size=(size, count))
        chosen += np.arange(size)[:, None] * count
        yield np.bincount(chosen.ravel(), minlength=size * count).reshape(size, count).astype(np.uint16)


def _additive(
    metric: AdditiveMetric, columns: Columns, groups: NDArray[np.int64], resamples: Iterable[NDArray[np.uint16]]
) -> NDArray[np.float64]:
    """Resampled scores float64[R] from the clusters' sums: how often each cluster is drawn, times its sums."""
    sums = np.stack([np.bincount(groups, weights=column) for column in columns.values()])
    # Not `@`: for so few columns, waking BLAS's threads costs more than the product, and its last bits depend on them.
    totals = np.concatenate([np.einsum("kc,rc->kr", sums, times) for times in resamples], axis=1)
    return metric.from_totals(dict(zip(columns, totals, strict=True)))


def _general(
    metric: Metric, columns: Columns, groups: NDArray[np.int64], resamples: Iterable[NDArray[np.uint16]]
) -> NDArray[np.float64]:
    """Resampled scores float64[R] of a metric that needs the samples themselves, each as often as its cluster."""
    scores = []
    for times in chain.from_iterable(resamples):
        chosen = np.repeat(np.arange(len(groups)), times[groups])
        score = metric.reduce({name: column[chosen] for name, column in columns.items()})
        scores.append(np.nan if score is None else score)
    return np.array(scores, dtype=np.float64)
