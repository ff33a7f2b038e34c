"""The tasks of a run closed from the files of the processes that have answered them; no model is loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.catalog import Catalogue
from harness.closing import Unfinished
from harness.errors import ConfigurationError, nearest
from harness.evaluate import close_gathered
from harness.interfaces import Judge
from harness.plugins import installed
from harness.policy import ErrorPolicy
from harness.processes.attendance import Plan, nobody_at_work
from harness.results import RunManifest, TaskResult
from harness.run import SAMPLES_FAILED, catalogue_of, conclude, judge_of
from harness.settings import Settings
from harness.spec import Task
from harness.store import RunDirectory


@dataclass(frozen=True)
class Absent:
    """What of the model that has answered is part of a response's key.

    Attributes:
        digest: the model's digest.
        reads_images: whether the pixels matter.
    """

    digest: str
    reads_images: bool


def merge_run(
    *,
    run: Path,
    task: str | None,
    data_dir: Path | None,
    policy: str,
    task_dirs: tuple[Path, ...],
    **judging: Any,
) -> int:
    """Closes tasks of a run whose every sample has a record.

    Args:
        run: the run's folder.
        task: the task to close; all that are not finished where None.
        data_dir: the folder with the data sets; the one that the run was made with where None.
        policy: when failed samples end the command with exit code 3.
        task_dirs: further folders of task files.
        judging: the values of the options that name the judge.

    Returns:
        The exit code: 3 when samples have no record, or more have failed than accepted. Where the processes have closed
        all tasks themselves, as they do unless they die, it is that of their results.

    Raises:
        ConfigurationError: there is nothing to close, a process is at work, or the task file has changed.
        MissingDataError: the data set is not below the data directory.
    """
    accepted = ErrorPolicy.parse(policy)
    stored = RunDirectory(run)
    manifest = stored.manifest()
    if task is None and stored.tasks() and not stored.unfinished():
        return _closed_already(stored, accepted)
    tasks = list(_tasks(stored, task, catalogue_of(task_dirs)))
    with judge_of(tasks, judging, installed()) as judge:
        settings = _Closing(manifest, data_dir or Path(manifest.data_dir), judge, judging.get("judge_cache"))
        ends = [_close(found, stored, settings) for found in tasks]
    for end in ends:
        if isinstance(end, Unfinished):
            Console(stderr=True).print(Text(_unfinished(end)), style="red", soft_wrap=True)
    results = [end for end in ends if isinstance(end, TaskResult)]
    code = conclude(results, stored, accepted) if results else 0
    return code if len(results) == len(ends) else SAMPLES_FAILED


def _closed_already(run: RunDirectory, policy: ErrorPolicy) -> int:
    """Shows the scores of a run that its processes have closed themselves, as they do unless they die."""
    Console(stderr=True).print(Text(f"{run.path}: every task is closed already."), style="dim", soft_wrap=True)
    return conclude([run.result(name) for name in run.tasks()], run, policy)


@dataclass(frozen=True)
class _Closing:
    """What tasks are closed with, whichever they are."""

    manifest: RunManifest
    data_dir: Path
    judge: Judge | None
    judge_cache: Path | None

    def settings(self, plan: Plan) -> Settings:
        """Returns the settings under which a plan's processes have worked."""
        return Settings(
            self.data_dir, plan.limit, seed=self.manifest.seed, judge=self.judge, judge_cache=self.judge_cache
        )


def _tasks(run: RunDirectory, name: str | None, catalogue: Catalogue) -> Iterator[Task]:
    unfinished = run.unfinished()
    if name is None and not unfinished:
        raise ConfigurationError(f"{run.path} holds no answers to any task; there is nothing to merge.")
    if name is not None and name not in unfinished:
        known = ", ".join(unfinished) or "none"
        raise ConfigurationError(
            f"{run.path} has no unfinished task {name!r}.{nearest(name, unfinished)} Its unfinished tasks: {known}."
        )
    for found in unfinished if name is None else [name]:
        try:
            yield catalogue.task(found)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error} Name the folder of its task file with --task-dir.") from error


def _close(task: Task, run: RunDirectory, closing: _Closing) -> TaskResult | Unfinished:
    name = task.spec.name
    with nobody_at_work(run, name) as plan:
        if plan is None:
            raise ConfigurationError(
                f"{run.path}: no process has said what it does to task {name}. Run the same `geopix-eval --tasks ..` "
                "command again: it asks only what has no answer."
            )
        if plan.task != task.digest:
            raise ConfigurationError(
                f"{task.file}: the task has changed since {run.path} was answered. Run the same `geopix-eval "
                "--tasks ..` command again: it asks what has no answer under the changed task."
            )
        return close_gathered(task, Absent(plan.model, plan.reads_images), run, closing.settings(plan), plan)


def _unfinished(end: Unfinished) -> str:
    return (
        f"{end.task}: {end.missing} samples have no record, so the task stays open. The command that started the run, "
        "with any number of processes, asks them alone."
    )
