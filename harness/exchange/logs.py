"""What other harnesses' logs have in common: one model's answers to some tasks, sample by sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

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

#: What is worth telling of the configuration that lmms-eval and lm-eval write beside their logs.
_TOLD = ("model", "model_args", "batch_size", "gen_kwargs")


def inner(data: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Returns an object inside a JSON object, by the names on the way to it; an empty one where there is none.

    >>> inner({"results": {"mme": {"acc": 1}}}, "results", "mme"), inner({"results": None}, "results", "mme")
    ({'acc': 1}, {})
    """
    for name in names:
        found = data.get(name)
        data = found if isinstance(found, dict) else {}
    return data


def number(value: Any) -> float | None:
    """Returns a JSON value as a finite number; None where it is none.

    >>> number(True), number("1"), number(10**400)
    (1.0, None, None)
    """
    try:
        found = float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None
    return found if found is not None and isfinite(found) else None


def first_words(responses: Any) -> str:
    """Returns the first answer of a list, or of lists in a list; where there is none, no words."""
    while isinstance(responses, list):
        responses = responses[0] if responses else ""
    return "" if responses is None else str(responses)


def settings_told(results: Mapping[str, Any]) -> dict[str, str]:
    """Returns what a file of results says of how the model was asked."""
    config = inner(results, "config")
    return {name: str(config[name]) for name in _TOLD if config.get(name)}


def directions(results: Mapping[str, Any], task: str) -> dict[str, bool]:
    """Returns whether more of a metric is better, for those of a task that a file of results names."""
    known = inner(results, "higher_is_better", task)
    return {name: bool(value) for name, value in known.items() if value is not None}


def model_of(results: Mapping[str, Any], file: Path) -> str:
    """Returns the model's name as a file of results says it, or the name of the log's folder."""
    return str(results.get("model_name") or inner(results, "config").get("model") or file.parent.name)
