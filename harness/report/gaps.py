"""Why scores and intervals are n/a."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.report.runs import Run
from harness.results import Score, TaskResult


@dataclass(frozen=True)
class Gap:
    """A reason why scores, or their intervals, are n/a.

    Attributes:
        reason: the reason.
        places: where it applies, such as `geopix-mini: aa, type count`.
    """

    reason: str
    places: tuple[str, ...]


def gaps(runs: Sequence[Run], results: Sequence[TaskResult]) -> tuple[Gap, ...]:
    """Returns the reasons for everything that is n/a in a task's section.

    Args:
        runs: the task's runs.
        results: their results, in the same order.
    """
    places: dict[str, list[str]] = {}
    for run, result in zip(runs, results, strict=True):
        for score, where in _scores(result):
            if score.reason:
                places.setdefault(score.reason, []).append(f"{run.label}: {score.name}{where}")
    return tuple(Gap(reason, tuple(found)) for reason, found in places.items())


def _scores(result: TaskResult) -> Iterator[tuple[Score, str]]:
    """All scores, each with the slice it is of."""
    for score in result.scores:
        yield score, ""
    for found in result.slices:
        for score in found.scores:
            yield score, f", {found.tag} {found.value}"
