"""A task's scores, for all samples and for each slice, each with its interval."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


class SampleColumns:
    """Statistics that come one sample at a time; only those are kept that a sample has, 16 bytes each."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._values: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self._count = 0

    def add(self, statistics: Mapping[str, float]) -> None:
        """Takes in one sample's statistics."""
        for name, value in statistics.items():
            self._rows[name].append(self._count)
            self._values[name].append(value)
        self._count += 1

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Returns each statistic as float64[N], by name in order; NaN where a sample does not have it."""
        found = {}
        for name in sorted(self._rows):
            found[name] = np.full(self._count, np.nan)
            found[name][np.frombuffer(self._rows[name], dtype=np.int64)] = np.frombuffer(self._values[name])
        return found


@dataclass(frozen=True)
class Codes:
    """Words that come one sample at a time, each word kept once.

    Attributes:
        known: the words, each with its number in the order of their coming.
        codes: each sample's word by number; -1 where it has none.
    """

    known: dict[str, int] = field(default_factory=dict)
    codes: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, word: str | None) -> None:
        """Takes in one sample's word."""
        self.codes.append(-1 if word is None else self.known.setdefault(word, len(self.known)))

    def numbers(self) -> NDArray[np.int64]:
        """Returns int64[N]: each sample's word by its number, in the order of their coming."""
        return np.frombuffer(self.codes, dtype=np.int64)

    def places(self) -> NDArray[np.int64]:
        """Returns int64[N]: each sample's word by its place in the alphabet, whatever the order of their coming."""
        place = np.empty(len(self.known), dtype=np.int64)
        place[[self.known[word] for word in sorted(self.known)]] = np.arange(len(self.known))
        return place[self.numbers()]


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
        columns = SampleColumns()
        for record in records:
            columns.add(record.statistics.get(metric, {}))
        return cls(columns.arrays(), clusters)

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


class Corpus:
    """What a task's scores are made of, taken in record by record; no record is kept.

    Args:
        task: the task.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._columns = {name: SampleColumns() for name in task.metrics}
        self._clusters = Codes()
        self._tags = {tag: Codes() for tag in task.spec.slices}

    def add(self, record: Record) -> None:
        """Takes in one sample's record."""
        for name, columns in self._columns.items():
            columns.add(record.statistics.get(name, {}))
        self._clusters.add(record.cluster)
        for tag, codes in self._tags.items():
            codes.add(record.tags.get(tag))

    def scores(self, seed: int, undefined: Mapping[str, str] = MappingProxyType({})) -> CorpusScores:
        """Returns the scores of all samples, and of those that share each value of each of the task's slice tags.

        Args:
            seed: the seed of the bootstrap.
            undefined: why a metric could not score at all, by its name in the task.

        Raises:
            ConfigurationError: a metric fails on some samples together.
        """
        clusters = self._clusters.places()
        tables = {name: Table(columns.arrays(), clusters) for name, columns in self._columns.items()}

        def scores_of(rows: Mapping[str, Table]) -> tuple[Score, ...]:
            scores = (_score(name, metric, rows[name], seed) for name, metric in self._task.metrics.items())
            return tuple(replace(score, reason=undefined.get(score.name, score.reason)) for score in scores)

        whole = scores_of(tables)
        slices = []
        for tag, codes in self._tags.items():
            for value, number in sorted(codes.known.items()):
                wanted = codes.numbers() == number
                rows = {name: table.rows(wanted) for name, table in tables.items()}
                slices.append(Slice(tag, value, scores_of(rows)))
        return CorpusScores(whole, tuple(slices))


def score_corpus(
    task: Task, records: Iterable[Record], seed: int, undefined: Mapping[str, str] = MappingProxyType({})
) -> CorpusScores:
    """Returns the scores of some records, as `Corpus` gives them."""
    corpus = Corpus(task)
    for record in records:
        corpus.add(record)
    return corpus.scores(seed, undefined)


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
