"""Evaluates each checkpoint of a training as it is saved, and keeps a leaderboard of them up to date.

Each evaluation is a process of its own: it gives the machine's memory back when it ends, and a checkpoint that cannot
be loaded, or is deleted in the middle, ends its own evaluation and nothing else.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from harness.errors import ConfigurationError, GeoPixError, MissingDataError
from harness.model_names import CHECKPOINT_FILE
from harness.preparation import data_root
from harness.report.leaderboard import write_leaderboard
from harness.run import SAMPLES_FAILED, catalogue_of, named_tasks
from harness.store import RESULT_FILE

#: What holds weights beside a config.json: safetensors, whole, in shards, or of an adapter; older files of torch.
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")
CONFIGS = (CHECKPOINT_FILE, "adapter_config.json")
DEEPEST = 3
#: Stands for a checkpoint's folder in what is typed after --model.
PLACE = "{checkpoint}"

Evaluate = Callable[[Path, Path], int]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder.

    Attributes:
        path: the folder.
        name: its path below the watched folder, slashes as dashes; the name of its run.
        written: when the latest of its files was written, in seconds since 1970.
    """

    path: Path
    name: str
    written: float


@dataclass(frozen=True)
class Watch:
    """What is watched, and what for.

    Attributes:
        folder: holds the checkpoints, up to three levels below it.
        runs: holds a run for each checkpoint.
        board: the page.
        tasks: the tasks' names, as runs spell them.
        settled: for how many seconds none of a checkpoint's files may have changed: not all trainers write beside
            and rename.
    """

    folder: Path
    runs: Path
    board: Path
    tasks: tuple[str, ...]
    settled: float = 5.0

    def checkpoints(self, now: float) -> list[Checkpoint]:
        """Returns the checkpoints that are whole, the oldest first."""
        found = [checkpoint for checkpoint in _below(self.folder) if now - checkpoint.written >= self.settled]
        return sorted(found, key=lambda checkpoint: (checkpoint.written, checkpoint.name))

    def evaluated(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint's run has the result of every task."""
        return all((self.runs / checkpoint.name / task / RESULT_FILE).is_file() for task in self.tasks)


def _below(folder: Path) -> Iterator[Checkpoint]:
    for config in (path for name in CONFIGS for path in folder.rglob(name)):
        place = config.parent
        parts = place.relative_to(folder).parts
        if len(parts) > DEEPEST or any(part.startswith(".") for part in parts):
            continue
        # A trainer may delete an old checkpoint between two looks at it.
        with suppress(FileNotFoundError):
            if any(next(place.glob(weights), None) for weights in WEIGHTS):
                written = max(file.stat().st_mtime for file in place.iterdir())
                yield Checkpoint(place, "-".join(parts) or folder.resolve().name, written)


def follow(
    watch: Watch,
    evaluate: Evaluate,
    say: Say,
    *,
    every: float,
    idle: float | None,
) -> list[str]:
    """Evaluates every checkpoint there is and every one that comes, each once, and renews the board after each.

    Args:
        watch: what is watched.
        evaluate: evaluates a checkpoint's folder into a run's folder; returns the exit code.
        say: is told what happens.
        every: seconds between two looks at the folder.
        idle: after how many seconds without a new checkpoint it ends; None for never.

    Returns:
        The names of the checkpoints that could not be evaluated.
    """
    tried: dict[str, float] = {}
    failed: list[str] = []
    quiet_since = time.monotonic()
    while True:
        waiting = [one for one in watch.checkpoints(time.time()) if tried.get(one.name) != one.written]
        for checkpoint in waiting:
            tried[checkpoint.name] = checkpoint.written
            if watch.evaluated(checkpoint):
                continue
            say(f"{checkpoint.name}: evaluating {checkpoint.path}")
            code = evaluate(checkpoint.path, watch.runs / checkpoint.name)
            if code not in (0, SAMPLES_FAILED):
                failed.append(checkpoint.name)
                say(f"{checkpoint.name}: not evaluated (exit code {code}); the lines above say why.")
            renew(watch, say)
            quiet_since = time.monotonic()
        if not waiting:
            if idle is not None and time.monotonic() - quiet_since >= idle:
                return failed
            time.sleep(every)


def renew(watch: Watch, say: Say) -> None:
    """Writes the board of the runs there are; says why where it cannot be written yet."""
    try:
        say(f"board: {write_leaderboard([watch.runs], watch.board).path}")
    except GeoPixError as error:
        say(f"board: not renewed: {error}")


def command_of(words: Sequence[str], model: str = PLACE) -> Evaluate:
    """Returns what evaluates a checkpoint by `geopix-eval` in a process of its own.

    Args:
        words: the command line without --model and --output.
        model: what its --model is, with `{checkpoint}` in the folder's place.
    """

    def evaluate(checkpoint: Path, run: Path) -> int:
        # "-m harness" is the same interpreter and environment; a command's name could be another installation's.
        named = model.replace(PLACE, str(checkpoint))
        program = [sys.executable, "-m", "harness", "--model", named, "--output", str(run)]
        return subprocess.run([*program, *words], check=False).returncode  # noqa: S603 - what the user typed

    return evaluate


def watch_checkpoints(folder: Path, further: Sequence[str], **options: Any) -> int:
    """Does what `geopix-eval watch` says; returns the exit code.

    Args:
        folder: the folder with the checkpoints.
        further: words for each evaluation's command line.
        options: the values of the command's options, by name.

    Raises:
        MissingDataError: there is no such folder.
        ConfigurationError: a task is unknown, the model is the same for all checkpoints, or the runs would be written
            among the checkpoints.
    """
    if PLACE not in options["model"]:
        raise ConfigurationError(
            f"--model: expected {PLACE} where the checkpoint's folder is to stand, hf:{PLACE} for example; found "
            f"{options['model']!r}."
        )
    if not folder.is_dir():
        raise MissingDataError(
            f"{folder.resolve()}: there is no such folder. Give the one in which a training saves its checkpoints."
        )
    runs = options["runs"] or Path("runs") / folder.resolve().name
    if runs.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"--runs: {runs} lies among the checkpoints in {folder}. Name a folder beside them.")
    tasks = named_tasks(options["tasks"], catalogue_of(options["task_dirs"]))
    for task in tasks:
        data_root(task, options["data_dir"])
    watch = Watch(folder, runs, options["output"], tuple(task.spec.name for task in tasks), options["settled"])
    words = ["--tasks", options["tasks"], "--data-dir", str(options["data_dir"])]
    words += [word for place in options["task_dirs"] for word in ("--task-dir", str(place))]
    evaluate = command_of([*words, *further], options["model"])
    failed = follow(watch, evaluate, tell, every=options["every"], idle=options["idle"])
    if failed:
        tell(f"not evaluated: {', '.join(failed)}")
    return SAMPLES_FAILED if failed else 0


def tell(line: str) -> None:
    """Says a line on the error stream, beside the evaluations' own progress."""
    click.echo(line, err=True)
