"""What other harnesses' logs have in common: one model's answers to some tasks, sample by sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.records import Record


@dataclass(frozen=True)
class Row:
    """One sample of a log.

    Attributes:
        id: unique within the task.
        prompt: what was asked.
        target: the right answer or answers, as words.
        text: what was answered.
        scores: the other harness's own score of the sample, by metric.
        image: the image's id, where the log has one; samples of the same image are resampled together.
        tags: names by which scores can be sliced.
        record: our record, where the task was one of ours.
    """

    id: str
    prompt: str
    target: tuple[str, ...]
    text: str
    scores: Mapping[str, float]
    image: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None


@dataclass(frozen=True)
class Log:
    """One model's answers to one task.

    Attributes:
        task: the task's name there.
        model: the model's name there.
        harness: the harness and its version.
        file: the file with the samples.
        rows: the samples, in the data set's order.
        higher_is_better: whether more of a metric is better, where the log says it.
        settings: what else is known of the run.
        started: when it began, ISO 8601; empty where unknown.
        notes: what a reader of the scores should know.
    """

    task: str
    model: str
    harness: str
    file: Path
    rows: tuple[Row, ...]
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    started: str = ""
    notes: tuple[str, ...] = ()


Read = Callable[[Path], list[Log]]
