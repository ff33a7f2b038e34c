"""A task's scores, for all samples and for each slice, each with its interval."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigurationError
from harness.interfaces import Metric
from harness.records import Record
from harness.results import Score, Slice
from harness.spec import Task
from harness.statistics import interval


@dataclass(frozen=True)
class Table:
    """One metric's statistics over N samples.

    Attributes:
        columns: each statistic as float64[N]; NaN where a sample does not have it.
        clusters: int64[N], equal where samples are resampled together.
    """

    columns: dict[str, NDArray[np.float64]]
    clusters: NDArray[np.int64]

    @classmethod
    def of(cls, records: Sequence[Record], metric: str, clusters: NDArray[np.int64]) -> Self:
        """Returns the table of a metric over some records."""
        # Filled from what each sample has: a column a class, say, is nearly empty, and not to be asked of every sample.
        columns: defaultdict[str, list[float]] = defaultdict(lambda: [nan] * len(records))
        for row, record in enumerate(records):
            for name, value in record.statistics.get(metric, {}).items():
                columns[name][row] = value
        return cls({name: np.array(columns[name], dtype=np.float64) for name in sorted(columns)}, clusters)

    def rows(self, wanted: NDArray[np.bool_]) -> Self:
        """Returns the table of the samples where bool[N] is true, with the statistics that at least one of them has."""
        chosen = {name: column[wanted] for name, column in self.columns.items()}
        found = {name: column for name, column in chosen.items() if not np.isnan(column).all()}
        return type(self)(found, self.clusters[wanted])

    def scored(self) -> Self:
        """Returns the table of the samples that the metric scores, with zeros where they lack a statistic."""
        known = np.zeros(len(self.clusters), dtype=np.bool_)
        for column in self.columns.values():
            known |= ~np.isnan(column)
        filled = {name: np.nan_to_num(column[known]) for name, column in self.columns.items()}
        return type(self)(filled, self.clusters[known])


@dataclass(frozen=True)
class CorpusScores:
    """A task's scores.

    Attributes:
        whole: one score a metric, over all samples.
        slices: the same for the samples that share a tag's value.
    """

    whole: tuple[Score, ...]
    slices: tuple[Slice, ...]


def score_corpus(
    task: Task, records: Sequence[Record], seed: int, undefined: Mapping[str, str] = MappingProxyType({})
) -> CorpusScores:
    """Returns the scores of all samples, and of those that share each value of each of the task's slice tags.

    Args:
        task: the task.
        records: its records.
        seed: the seed of the bootstrap.
        undefined: why a metric could not score at all, by its name in the task.

    Raises:
        ConfigurationError: a metric fails on some samples together.
    """
    _, clusters = np.unique(np.array([record.cluster for record in records], dtype=np.str_), return_inverse=True)
    tables = {name: Table.of(records, name, clusters) for name in task.metrics}

    def scores_of(rows: Mapping[str, Table]) -> tuple[Score, ...]:
        scores = (_score(name, metric, rows[name], seed) for name, metric in task.metrics.items())
        return tuple(replace(score, reason=undefined.get(score.name, score.reason)) for score in scores)

    whole = scores_of(tables)
    slices = []
    for tag in task.spec.slices:
        tags = [record.tags.get(tag) for record in records]
        for value in sorted({value for value in tags if value is not None}):
            wanted = np.array([found == value for found in tags])
            slices.append(Slice(tag, value, scores_of({name: table.rows(wanted) for name, table in tables.items()})))
    return CorpusScores(whole, tuple(slices))


def _score(name: str, metric: Metric, table: Table, seed: int) -> Score:
    """One metric's score over a table's samples with its 95 % interval from a cluster bootstrap."""
    scored = table.scored()
    count = len(scored.clusters)
    if not count:
        return Score(name, None, None, None, 0, 0, "no sample is scored")
    try:
        value = metric.reduce(scored.columns)
        bounds = interval(metric, scored.columns, scored.clusters, seed=seed)
    except Exception as error:
        raise ConfigurationError(
            f"metric {name!r} cannot be computed over {count} samples: {type(error).__name__}: {error}. The "
            "answers are kept: mend the metric and run the same command again."
        ) from error
    reason = "the score is undefined over these samples" if value is None else bounds.reason
    return Score(name, value, bounds.low, bounds.high, count, bounds.clusters, reason)
