"""A test that needs no distribution: if two runs are alike, it does not matter which of them gave which answers."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import cast

import numpy as np
from numpy.typing import NDArray

from harness.comparison.pairing import Pairs
from harness.interfaces import AdditiveMetric, Columns, Metric

EXACT_UP_TO = 12
UNDEFINED_SHARE = 0.05
_CHUNK = 2**22
_KEPT = 2**26
# Exchanges that give the same difference in exact arithmetic must count as equal in floating point.
_EQUAL = 1e-12

Exchanges = NDArray[np.int8]


def sides_changed(metric: Metric, pairs: Pairs, flips: int = 4999, seed: int = 0) -> float | None:
    """Returns the two-sided p-value of the hypothesis that two runs are alike; None where it cannot be had.

    Were they alike, all answers to a cluster might as well have come from the other run. So whole clusters change
    sides, each with chance 1/2, the corpus scores are computed anew, and counted is how often their difference is at
    least as great as the one found (approximate randomization: Noreen, Computer-Intensive Methods for Testing
    Hypotheses, 1989; the count includes the exchange found, so that the test keeps its level: Phipson and Smyth,
    Statist. Appl. Genet. Mol. Biol. 9, 2010). With 12 clusters or fewer, all exchanges are gone through instead.

    Args:
        metric: the metric; one with `from_totals` takes a matrix product.
        pairs: both runs' statistics.
        flips: how many exchanges are drawn.
        seed: of the draws.
    """
    exact = pairs.clusters <= EXACT_UP_TO
    exchanges = _all(pairs.clusters) if exact else _exchanges(flips, pairs.clusters, seed)
    if hasattr(metric, "from_totals"):
        found = _additive(cast(AdditiveMetric, metric), pairs, exchanges)
    else:
        found = _general(metric, pairs, exchanges)
    observed = _difference(metric, pairs.base, pairs.head)
    defined = found[~np.isnan(found)]
    if np.isnan(observed) or len(defined) < (1 - UNDEFINED_SHARE) * len(found):
        return None
    as_great = int((np.abs(defined) >= abs(observed) * (1 - _EQUAL) - _EQUAL).sum())
    return as_great / len(defined) if exact else (1 + as_great) / (1 + len(defined))


def _difference(metric: Metric, base: Columns, head: Columns) -> float:
    one, other = metric.reduce(base), metric.reduce(head)
    return np.nan if one is None or other is None else other - one


def _all(count: int) -> tuple[Exchanges, ...]:
    numbers = np.arange(2**count)[:, None] >> np.arange(count)
    return ((1 - 2 * (numbers & 1)).astype(np.int8),)


def _exchanges(flips: int, count: int, seed: int) -> tuple[Exchanges, ...] | Iterator[Exchanges]:
    """Signs int8[r, C], -1 where a cluster changes sides, in chunks of R rows in all."""
    return _kept(flips, count, seed) if flips * count <= _KEPT else _drawn(flips, count, seed)


# The metrics of a task, and the pairs of its runs, are tested one after the other by the same draws.
@lru_cache(maxsize=1)
def _kept(flips: int, count: int, seed: int) -> tuple[Exchanges, ...]:
    return tuple(_drawn(flips, count, seed))


def _drawn(flips: int, count: int, seed: int) -> Iterator[Exchanges]:
    random = np.random.default_rng(seed)
    for start in range(0, flips, rows := max(1, _CHUNK // count)):
        size = min(rows, flips - start)
        yield 2 * random.integers(0, 2, size=(size, count), dtype=np.int8) - 1


def _additive(
    metric: AdditiveMetric, pairs: Pairs, exchanges: tuple[Exchanges, ...] | Iterator[Exchanges]
) -> NDArray[np.float64]:
    """Differences float64[R]: each side's totals are half of both runs' sum, plus and minus half the signed rest."""
    base, head = (
        np.stack([np.bincount(pairs.groups, weights=column) for column in columns.values()], axis=1)
        for columns in (pairs.base, pairs.head)
    )
    half_sum, half_rest = (base + head).sum(axis=0) / 2, (head - base) / 2
    signed = np.concatenate([signs.astype(np.float64) @ half_rest for signs in exchanges])
    one, other = (
        metric.from_totals(dict(zip(pairs.base, totals.T, strict=True)))
        for totals in (half_sum - signed, half_sum + signed)
    )
    return other - one


def _general(
    metric: Metric, pairs: Pairs, exchanges: tuple[Exchanges, ...] | Iterator[Exchanges]
) -> NDArray[np.float64]:
    """Differences float64[R] of a metric that needs the samples themselves."""
    found = []
    for signs in chain.from_iterable(exchanges):
        stays = signs[pairs.groups] > 0
        base = {name: np.where(stays, column, pairs.head[name]) for name, column in pairs.base.items()}
        head = {name: np.where(stays, column, pairs.base[name]) for name, column in pairs.head.items()}
        found.append(_difference(metric, base, head))
    return np.array(found, dtype=np.float64)
