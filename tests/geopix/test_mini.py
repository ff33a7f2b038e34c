"""geopix-mini as it ships: small enough, readable, and clearly better than answers that look at nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from geopix.earth.make import make_earth
from geopix.mini import MINI
from geopix.predictor import GeoPix
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


def presence(results: dict[str, TaskResult]) -> float:
    value = next(part.scores[0].value for part in results["rsvqa_hr"].slices if part.value == "presence")
    assert value is not None
    return value


@pytest.mark.slow
@pytest.mark.parametrize("score", [miou, presence])
def test_it_sees(runs: dict[str, dict[str, TaskResult]], score: Callable[[dict[str, TaskResult]], float]) -> None:
    mini, constant, blank = map(score, runs.values())
    assert mini > constant + 0.15
    assert mini > blank + 0.15


@pytest.mark.slow
@pytest.mark.parametrize("words", ["Segment {}.", "Please segment {} in this image."])
def test_asked_in_either_way_it_marks_something(words: str, earth: Path) -> None:
    geopix = GeoPix.from_pretrained(MINI, device="cpu")
    pictures = sorted((earth / "rrsisd/images/rrsisd/JPEGImages").iterdir())
    answers = [geopix.respond(picture, words.format("the ship on the left"), task="segment") for picture in pictures]
    assert all(answer.text and len(answer.masks) == 1 for answer in answers)


@pytest.mark.slow
def test_every_answer_can_be_read(runs: dict[str, dict[str, TaskResult]]) -> None:
    for result in runs["geopix-mini"].values():
        assert result.counts.failed == 0
        assert result.counts.unparsed <= 0.02 * result.counts.total
