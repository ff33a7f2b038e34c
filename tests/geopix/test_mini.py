"""geopix-mini as it ships: small enough, readable, and better at masks than answers that look at nothing."""

import pytest
from click.testing import CliRunner

from geopix.earth.make import make_earth
from geopix.mini import MINI
from harness.cli import main
from harness.results import TaskResult
from harness.store import RunDirectory

TASKS = ("rsvqa_hr", "rrsis")


def test_the_checkpoint_is_at_most_16_megabytes() -> None:
    files = [path for path in MINI.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16_000_000
    assert {"config.json", "model.safetensors", "tokenizer.json", "training.json"} <= {path.name for path in files}
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".pth", ".pkl")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, TaskResult]]:
    """Results by model and task on a Mini Earth test split that no training has seen."""
    folder = tmp_path_factory.mktemp("mini")
    make_earth(folder / "earth", seed=2026, images=24, splits=(("test", 1),))
    found = {}
    for model, options in (("geopix-mini", ()), ("baseline:constant", ()), ("geopix-mini", ("images=blank",))):
        name = f"{model} {' '.join(options)}".strip()
        run = folder / name.replace(":", "-").replace(" ", "-")
        arguments = ["--tasks", ",".join(TASKS), "--model", model, "--data-dir", str(folder / "earth")]
        arguments += ["--output", str(run), *(f"--model-option={option}" for option in options)]
        outcome = CliRunner().invoke(main, arguments)
        assert outcome.exit_code == 0, outcome.output
        found[name] = {task: RunDirectory(run).result(task) for task in TASKS}
    return found


def miou(results: dict[str, TaskResult]) -> float:
    value = results["rrsis"].primary.value
    assert value is not None
    return value


@pytest.mark.slow
def test_it_marks_what_is_named(runs: dict[str, dict[str, TaskResult]]) -> None:
    mini, constant, blank = map(miou, runs.values())
    assert mini > constant + 0.05
    assert mini > blank + 0.05


@pytest.mark.slow
def test_every_answer_can_be_read(runs: dict[str, dict[str, TaskResult]]) -> None:
    for result in runs["geopix-mini"].values():
        assert result.counts.failed == 0
        assert result.counts.unparsed <= 0.02 * result.counts.total
