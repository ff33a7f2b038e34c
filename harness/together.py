"""Metrics that score a task's samples together, once all are answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import cast

from harness.errors import ConfigurationError, EnvironmentProblem
from harness.interfaces import CorpusMetric
from harness.records import Answered, ImageFile, Record
from harness.spec import Task

Statistics = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Together:
    """What such metrics have added.

    Attributes:
        records: the task's records with their statistics; the same list where no metric of the task is of this kind.
        undefined: why a metric could not score at all, by its name in the task.
    """

    records: list[Record]
    undefined: Mapping[str, str]


def score_together(task: Task, records: list[Record], images: Sequence[tuple[ImageFile, ...]]) -> Together:
    """Returns the records of a task with the statistics of its metrics that score all samples at once.

    Args:
        task: the task.
        records: all its records, scored by the other metrics.
        images: each record's images.

    Raises:
        ConfigurationError: a metric breaks off, or gives what are no statistics of these samples.
    """
    samples = [
        Answered(record.target, record.prediction, record.tags, files)
        for record, files in zip(records, images, strict=True)
    ]
    found: dict[str, Statistics] = {}
    undefined: dict[str, str] = {}
    for name, metric in task.metrics.items():
        if not hasattr(metric, "score_all"):
            continue
        try:
            found[name] = _statistics(name, cast(CorpusMetric, metric), samples)
        except EnvironmentProblem as error:
            undefined[name] = str(error)
    return Together(_with(records, found) if found else records, undefined)


def _statistics(name: str, metric: CorpusMetric, samples: Sequence[Answered]) -> Statistics:
    try:
        found = [{key: float(value) for key, value in row.items()} for row in metric.score_all(samples)]
        if len(found) != len(samples):
            raise ValueError(f"it gave statistics of {len(found)} samples")
        if wrong := [row for row in found if not all(map(isfinite, row.values()))]:
            raise ValueError(f"it gave {wrong[0]}; leave such a sample out with an empty mapping")
    except EnvironmentProblem:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"metric {name!r} cannot score {len(samples)} samples together: {type(error).__name__}: {error}. The "
            "answers are kept: mend the metric and run the same command again."
        ) from error
    return found


def _with(records: Sequence[Record], found: Mapping[str, Statistics]) -> list[Record]:
    """The records with more statistics; a failed sample stays without any."""
    return [
        record
        if record.prediction.status == "failed"
        else replace(record, statistics={**record.statistics, **{name: rows[index] for name, rows in found.items()}})
        for index, record in enumerate(records)
    ]
