"""Metrics that score all samples together: what they are given, and what their failure costs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import ConfigurationError, EnvironmentProblem
from harness.evaluate import evaluate
from harness.interfaces import MetricInfo
from harness.metrics.additive import Together, ratio
from harness.models.baselines import baseline
from harness.records import Answered
from harness.results import TaskResult
from harness.settings import Settings
from harness.spec import Task
from harness.store import RunDirectory
from tests.harness.small_data import small_task, write_data

Floats = NDArray[np.float64]
Scorer = Callable[[Sequence[Answered]], Any]


@dataclass(frozen=True)
class Longest(Together):
    """The share of answers that are as long as the longest of all."""

    scorer: Scorer

    @property
    def info(self) -> MetricInfo:
        return MetricInfo("percent", "higher", "share of longest answers", "this test")

    def score_all(self, samples: Sequence[Answered]) -> Sequence[Mapping[str, float]]:
        found: Sequence[Mapping[str, float]] = self.scorer(samples)
        return found

    def from_totals(self, totals: Mapping[str, Floats]) -> Floats:
        return ratio(totals["longest"], totals["count"])


def longest(samples: Sequence[Answered]) -> list[dict[str, float]]:
    lengths = [len(sample.prediction.text or "") for sample in samples]
    return [{"longest": float(length == max(lengths)), "count": 1.0} for length in lengths]


def with_metric(tmp_path: Path, scorer: Scorer) -> Task:
    task = small_task(tmp_path / "tasks")
    metrics = [*task.spec.metrics, task.spec.metrics[0].model_copy(update={"label": "longest", "primary": False})]
    spec = task.spec.model_copy(update={"metrics": metrics})
    return replace(task, spec=spec, metrics={**task.metrics, "longest": Longest(scorer)})


def run(tmp_path: Path, scorer: Scorer) -> tuple[TaskResult, RunDirectory]:
    write_data(tmp_path / "data") if not (tmp_path / "data").exists() else None
    directory = RunDirectory(tmp_path / "run")
    task = with_metric(tmp_path, scorer)
    return evaluate(task, baseline("constant", {}), directory, Settings(tmp_path / "data")), directory


def test_statistics_are_kept_with_the_records_and_give_scores_slices_and_intervals(tmp_path: Path) -> None:
    seen: list[Answered] = []
    result, directory = run(tmp_path, lambda samples: seen.extend(samples) or longest(samples))
    score = result.scores[1]
    assert (score.name, score.value, score.low, score.n) == ("longest", 1.0, 1.0, 12)
    assert [part.scores[1].value for part in result.slices] == [1.0, 1.0]
    stored = [record.statistics for record in directory.records("small")]
    assert all(row["longest"] == {"longest": 1.0, "count": 1.0} and "correct" in row["oa"] for row in stored)
    assert {sample.prediction.text for sample in seen} == {"yes"}
    assert seen[0].images[0].path == tmp_path / "data/SMALL/Data/0.tif"
    assert seen[0].tags == {"type": "presence"}


def test_something_missing_costs_this_score_alone_and_says_why(tmp_path: Path) -> None:
    def missing(samples: Sequence[Answered]) -> Any:
        raise EnvironmentProblem("it needs a moon, and there is none")

    result, directory = run(tmp_path, missing)
    assert result.scores[0].value == pytest.approx(8 / 12)
    assert (result.scores[1].value, result.scores[1].reason) == (None, "it needs a moon, and there is none")
    assert {part.scores[1].reason for part in result.slices} == {"it needs a moon, and there is none"}
    assert all(record.statistics["longest"] == {} for record in directory.records("small"))
    assert json.loads((directory.path / "small/result.json").read_text())["scores"][1]["value"] is None


@pytest.mark.parametrize(
    ("scorer", "words"),
    [
        (
            lambda samples: longest(samples)[1:],
            "cannot score 12 samples together: ValueError: it gave statistics of 11",
        ),
        (lambda samples: [{"longest": float("nan")}] * 12, r"it gave \{'longest': nan\}; leave such a sample out"),
        (lambda samples: 1 / 0, "ZeroDivisionError: division by zero. The answers are kept"),
    ],
)
def test_a_broken_metric_ends_the_run_and_keeps_the_answers(tmp_path: Path, scorer: Scorer, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        run(tmp_path, scorer)
    result, _ = run(tmp_path, longest)
    assert result.scores[1].value == 1.0


def test_failed_samples_are_seen_and_not_scored(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "data/SMALL/Data/0.tif").unlink()
    seen: list[str] = []
    result, _ = run(tmp_path, lambda samples: seen.extend(s.prediction.status for s in samples) or longest(samples))
    assert (seen.count("failed"), len(seen)) == (3, 12)
    assert result.scores[1].n == 9
