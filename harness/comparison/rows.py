"""What is said of one metric: as it was measured, and as it was judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.comparison.difference import Difference
from harness.comparison.gates import Gate
from harness.comparison.wording import slice_name
from harness.results import MetricCard, Score

Verdict = Literal["regressed", "soft", "insufficient data", "improved", "stable"]
Outcome = Literal["passed", "failed", "error"]
Key = tuple[str, str, tuple[tuple[str, str], ...]]

# Scores are sums of floating-point numbers: a drop of exactly what is allowed must pass.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Measured:
    """What could be measured of a row, before its p-value is adjusted.

    Attributes:
        key: task, metric and slice.
        gate: the gate on it.
        card: the metric; None where HEAD does not have it.
        head: HEAD's score over all its samples; None where it has none.
        difference: the paired comparison; None where it could not be made.
        problem: why it could not be made.
        excused: whether that is no fault of HEAD's: the baseline does not have the metric.
    """

    key: Key
    gate: Gate | None
    card: MetricCard | None = None
    head: Score | None = None
    difference: Difference | None = None
    problem: str | None = None
    excused: bool = False


@dataclass(frozen=True)
class Row:
    """What is said of one metric of one task, or of a slice of it.

    Attributes:
        task: the task.
        metric: the metric's name in the task.
        where: the tags that make the slice; empty for the whole task.
        verdict: how `head` compares with the baseline.
        outcome: `passed`; `failed` where it regressed or a gate does not hold; `error` where a gate, or the comparison
            that every metric of the baseline is owed, could not be evaluated.
        reasons: why, in words; for a passed row, what a reader should know.
        card: the metric; None where no run has it.
        head: the score of the run that is judged, over all its samples; None where it has none.
        difference: the paired comparison; None where it could not be made.
        p_value: adjusted after Holm over all rows; None where there is no test.
        gate: the gate on it; None where there is none.
    """

    task: str
    metric: str
    where: Mapping[str, str]
    verdict: Verdict
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    card: MetricCard | None = None
    head: Score | None = None
    difference: Difference | None = None
    p_value: float | None = None
    gate: Gate | None = None

    @property
    def name(self) -> str:
        """The metric with its slice."""
        return f"{self.metric} [{slice_name(self.where)}]" if self.where else self.metric
