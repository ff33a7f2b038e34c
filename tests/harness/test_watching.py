"""Checkpoints are evaluated once each, as they come; what fails is told of and stops nothing."""

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.watching import Watch, command_of, follow


def save(folder: Path, name: str, *, age: float = 60, weights: str = "model.safetensors") -> Path:
    """A folder that looks like a checkpoint, last written so many seconds ago."""
    place = folder / name
    place.mkdir(parents=True)
    for file in ("config.json", weights):
        (place / file).write_text("{}")
        os.utime(place / file, (time.time() - age,) * 2)
    return place


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    (tmp_path / "training").mkdir()
    return Watch(tmp_path / "training", tmp_path / "runs", tmp_path / "board.html", ("one", "two"))


class Evaluations:
    """Stands for the evaluations: notes them, and leaves results as they do."""

    def __init__(self, watch: Watch, **codes: int) -> None:
        self.watch, self.codes = watch, codes
        self.done: list[str] = []

    def __call__(self, checkpoint: Path, run: Path) -> int:
        self.done.append(run.name)
        code = self.codes.get(run.name.replace("-", "_"), 0)
        for task in self.watch.tasks if code in (0, 3) else ():
            (run / task).mkdir(parents=True, exist_ok=True)
            (run / task / "result.json").write_text("{}")
        return code


def test_all_checkpoints_are_evaluated_the_oldest_first(watch: Watch) -> None:
    save(watch.folder, "step-20", age=100)
    save(watch.folder, "step-3", age=200)
    save(watch.folder, "stage2/best", age=50, weights="model.safetensors.index.json")
    evaluations = Evaluations(watch)
    assert follow(watch, evaluations, print, every=0.01, idle=0) == []
    assert evaluations.done == ["step-3", "step-20", "stage2-best"]


def test_what_is_evaluated_is_not_evaluated_again(watch: Watch) -> None:
    save(watch.folder, "step-1")
    follow(watch, Evaluations(watch), print, every=0.01, idle=0)
    again = Evaluations(watch)
    follow(watch, again, print, every=0.01, idle=0)
    assert again.done == []


def test_a_run_that_lacks_a_task_is_taken_up(watch: Watch) -> None:
    save(watch.folder, "step-1")
    follow(watch, Evaluations(watch), print, every=0.01, idle=0)
    (watch.runs / "step-1/two/result.json").unlink()
    again = Evaluations(watch)
    follow(watch, again, print, every=0.01, idle=0)
    assert again.done == ["step-1"]


def test_what_is_no_whole_checkpoint_is_left_alone(watch: Watch) -> None:
    (watch.folder / "logs").mkdir()
    save(watch.folder, ".step-2.tmp")
    save(watch.folder, "fresh", age=1)
    save(watch.folder, "no-weights", weights="notes.txt")
    save(watch.folder, "a/b/c/too-deep")
    assert watch.checkpoints(time.time()) == []


def test_one_that_cannot_be_evaluated_is_tried_once_until_it_changes(watch: Watch) -> None:
    place = save(watch.folder, "step-1")
    save(watch.folder, "step-2", age=30)
    told: list[str] = []
    evaluations = Evaluations(watch, step_1=4)

    def evaluate(checkpoint: Path, run: Path) -> int:
        if run.name == "step-2":  # meanwhile the first is written anew
            evaluations.codes = {}
            os.utime(place / "config.json", (time.time() - 20,) * 2)
        return evaluations(checkpoint, run)

    assert follow(watch, evaluate, told.append, every=0.01, idle=0) == ["step-1"]
    assert evaluations.done == ["step-1", "step-2", "step-1"]
    assert "step-1: not evaluated (exit code 4); the lines above say why." in told


def test_failed_samples_are_no_failure_of_the_checkpoint(watch: Watch) -> None:
    save(watch.folder, "step-1")
    assert follow(watch, Evaluations(watch, step_1=3), print, every=0.01, idle=0) == []


def test_a_board_that_cannot_be_written_yet_is_told_of(watch: Watch) -> None:
    save(watch.folder, "step-1")
    told: list[str] = []
    follow(watch, lambda checkpoint, run: 4, told.append, every=0.01, idle=0)
    assert any(line.startswith("board: not renewed: ") for line in told)


def test_an_evaluation_is_the_command_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert command_of(["--tasks", "rrsis", "--bogus"])(tmp_path, tmp_path / "run") == 2
    assert "No such option" in capfd.readouterr().err


def test_a_checkpoint_is_named_as_the_model_says(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--tasks", "rsvqa_hr", "--data-dir", str(tmp_path)]
    (tmp_path / "RSVQA_HR").mkdir()
    assert command_of(words, "hf:{checkpoint}")(tmp_path / "step-1", tmp_path / "run") == 4
    assert f"hf:{tmp_path / 'step-1'}: no folder" in " ".join(capfd.readouterr().err.split())


def test_a_missing_folder_a_wrong_task_and_runs_among_checkpoints_are_refused(tmp_path: Path) -> None:
    def ask(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["watch", *words])
        return done.exit_code, done.output

    here = str(tmp_path)
    code, told = ask(str(tmp_path / "none"), "--tasks", "rrsis")
    assert (code, "there is no such folder. Give the one in which a training saves" in told) == (4, True)
    code, told = ask(here, "--tasks", "rsis", "--runs", "elsewhere")
    assert (code, "Did you mean 'rrsis'?" in told) == (2, True)
    code, told = ask(here, "--tasks", "rrsis", "--model", "hf:mine")
    assert (code, "expected {checkpoint} where the checkpoint's folder is to stand" in told) == (2, True)
    code, told = ask(here, "--tasks", "rrsis", "--runs", f"{here}/runs")
    assert (code, "lies among the checkpoints" in told) == (2, True)
    code, told = ask(here, "--tasks", "rrsis", "--data-dir", f"{here}/nowhere")
    assert (code, "nowhere" in told) == (4, True)
