"""What a comparison needs of one run's task: the samples' statistics, and what makes them comparable with another's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isclose
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.corpus import Table
from harness.errors import ConfigurationError, GeoPixError, nearest
from harness.interfaces import Metric
from harness.plugins import installed
from harness.records import Record
from harness.results import MetricCard, Score, TaskResult
from harness.store import RunDirectory

Statistics = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Evidence:
    """One run's answers to one task, reduced to numbers.

    Attributes:
        label: the run's name in tables and messages.
        result: the run's scores, and the digests of what was asked.
        sample_ids: N ids, each once.
        clusters: N names; samples that share one are not independent.
        tags: each sample's value of a tag, by tag; None where the sample does not have it.
        statistics: by metric, each statistic as float64[N], NaN where a sample does not have it.
    """

    label: str
    result: TaskResult
    sample_ids: tuple[str, ...]
    clusters: tuple[str, ...]
    tags: Mapping[str, tuple[str | None, ...]]
    statistics: Mapping[str, Statistics]

    @classmethod
    def of_records(cls, label: str, result: TaskResult, records: Iterable[Record]) -> Self:
        """Returns the evidence that a task's records hold; the tags kept are those that the result is sliced by."""
        found = list(records)
        tags = dict.fromkeys(piece.tag for piece in result.slices)
        return cls(
            label=label,
            result=result,
            sample_ids=tuple(record.sample_id for record in found),
            clusters=tuple(record.cluster for record in found),
            tags={tag: tuple(record.tags.get(tag) for record in found) for tag in tags},
            statistics={card.name: _columns(found, card.name) for card in result.metrics},
        )

    @classmethod
    def of_run(cls, label: str, run: RunDirectory, task: str) -> Self:
        """Returns the evidence of a finished task.

        Raises:
            DataError: the result or a record is damaged.
        """
        return cls.of_records(label, run.result(task), run.records(task))

    def card(self, metric: str) -> MetricCard:
        """Returns what is known of a metric.

        Raises:
            ConfigurationError: the task has no such metric; the nearest is suggested.
        """
        for card in self.result.metrics:
            if card.name == metric:
                return card
        names = [card.name for card in self.result.metrics]
        raise ConfigurationError(
            f"task {self.result.task} of {self.label} has no metric {metric!r}.{nearest(metric, names)} "
            f"Known: {', '.join(names)}."
        )

    def score(self, metric: str) -> Score:
        """Returns the run's score over all its samples, as it stands in the result.

        Raises:
            ConfigurationError: the task has no such metric.
        """
        return self.result.scores[self.result.metrics.index(self.card(metric))]

    def stale(self, metric: str) -> str | None:
        """Returns why a stored score is not what the installed metric gives today, None where it is.

        Without this, a change of a metric would go unseen: both runs' statistics would be reduced by the new code.
        """
        stored = self.score(metric).value
        with computing(self, metric):
            now = metric_of(self.card(metric)).reduce(scored(self.statistics[metric]))
        if stored is None and now is None:
            return None
        if stored is not None and now is not None and isclose(stored, now, rel_tol=1e-9, abs_tol=1e-9):
            return None
        return (
            f"metric {metric!r} of task {self.result.task} gives {_shown(now)} today where {self.label} was scored "
            f"{_shown(stored)} with the same statistics: the metric has changed. If it should, raise the task's "
            "version, run it again and `geopix-eval bless` the run"
        )


def _shown(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.6g}"


def scored(statistics: Statistics) -> Statistics:
    """Returns the statistics of the samples that the metric scores, with zeros where they lack one."""
    count = len(next(iter(statistics.values()))) if statistics else 0
    return Table(dict(statistics), np.zeros(count, dtype=np.int64)).scored().columns


def _columns(records: Sequence[Record], metric: str) -> Statistics:
    return Table.of(records, metric, np.zeros(len(records), dtype=np.int64)).columns


@contextmanager
def computing(run: Evidence, metric: str) -> Iterator[None]:
    """Words what a metric raises over stored statistics: they may be of another version of it, or of another plugin.

    Raises:
        ConfigurationError: the metric failed.
    """
    try:
        yield
    except GeoPixError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"task {run.result.task}: metric {metric!r} cannot be computed from what {run.label} stored: "
            f"{type(error).__name__}: {error}. Run the task again with this version; answers are used again."
        ) from error


def metric_of(card: MetricCard) -> Metric:
    """Returns the metric that a run was scored with.

    Raises:
        GeoPixError: no such metric is installed any more, or it no longer takes these options.
    """
    try:
        metric: Metric = installed().metrics.load(card.metric)(**card.options)
    except TypeError as error:
        raise ConfigurationError(
            f"metric {card.metric!r} no longer takes the options {dict(card.options)} that the run was scored with: "
            f"{error}. Run the task again with this version."
        ) from error
    return metric
