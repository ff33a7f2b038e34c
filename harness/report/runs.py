"""The runs a report is about: read once, told apart by name, and grouped by what makes scores comparable."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath

from harness.errors import ConfigurationError
from harness.results import RunManifest, TaskResult
from harness.store import RunDirectory, find_runs


@dataclass(frozen=True)
class Run:
    """One model's answers and scores.

    Attributes:
        label: the model's name, with the folder where two runs share the name.
        directory: where its records are.
        manifest: who answered, with what, and when.
        results: the finished tasks' results by task name.
        unfinished: tasks that have records and no result.
    """

    label: str
    directory: RunDirectory
    manifest: RunManifest
    results: dict[str, TaskResult]
    unfinished: tuple[str, ...]


def load(places: list[Path]) -> list[Run]:
    """Returns the runs at or below some folders, sorted by path.

    Raises:
        ConfigurationError: a place holds no run, or no run has a finished task.
        DataError: a run's manifest or result is damaged.
    """
    directories = find_runs(places)
    manifests = [directory.manifest() for directory in directories]
    labels = _labels([manifest.model for manifest in manifests], [directory.path for directory in directories])
    runs = [
        Run(label, directory, manifest, _results(directory), tuple(directory.unfinished()))
        for label, directory, manifest in zip(labels, directories, manifests, strict=True)
    ]
    if not any(run.results for run in runs):
        names = ", ".join(str(directory.path) for directory in directories)
        raise ConfigurationError(
            f"{names}: no task is finished here, so there is nothing to show. Run the same `geopix-eval --tasks ..` "
            "command again; it goes on where it stopped."
        )
    return runs


def _results(directory: RunDirectory) -> dict[str, TaskResult]:
    return {task: directory.result(task) for task in directory.tasks()}


def _labels(models: list[str], paths: list[Path]) -> list[str]:
    counts = Counter(models)
    folders = [path.resolve() for path in paths]
    return [
        model if counts[model] == 1 else f"{model} ({_tail(folder, [o for o in folders if o != folder])})"
        for model, folder in zip(models, folders, strict=True)
    ]


def _tail(folder: PurePath, others: list[Path]) -> str:
    """Returns the shortest end of a path that no other path shares."""
    for length in range(1, len(folder.parts)):
        tail = folder.parts[-length:]
        if all(other.parts[-length:] != tail for other in others):
            return "/".join(tail)
    return str(folder)


def task_names(runs: list[Run]) -> list[str]:
    """Returns the names of all finished tasks, sorted."""
    return sorted({name for run in runs for name in run.results})


@dataclass(frozen=True)
class Set:
    """Runs that answered the same task over the same data, so that their scores may be compared.

    Attributes:
        letter: the set's name on the page; empty where a task has one set only.
        runs: the labels of its runs.
        result: any of its runs' results, for version and digests.
    """

    letter: str
    runs: tuple[str, ...]
    result: TaskResult


def comparable_sets(task: str, runs: list[Run]) -> list[Set]:
    """Returns the runs of a task grouped by task version, task file, data, prompts and judge, in the runs' order."""
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        if task in run.results:
            groups.setdefault(_identity(run.results[task]), []).append(run)
    letters = [""] if len(groups) == 1 else [_letter(index) for index in range(len(groups))]
    return [
        Set(letter, tuple(run.label for run in members), members[0].results[task])
        for letter, members in zip(letters, groups.values(), strict=True)
    ]


def _identity(result: TaskResult) -> tuple[object, ...]:
    return result.version, result.task_digest, result.data_digest, result.prompt_digest, _judge(result)


def _judge(result: TaskResult) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(result.judging.items()))


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def differences(sets: list[Set]) -> str:
    """Returns in words what keeps a task's sets from being compared."""
    parts: dict[str, set[object]] = {
        "the task's version": {found.result.version for found in sets},
        "the task file": {found.result.task_digest for found in sets},
        "the data": {found.result.data_digest for found in sets},
        "the prompts": {found.result.prompt_digest for found in sets},
        "the judge": {_judge(found.result) for found in sets},
    }
    return ", ".join(name for name, values in parts.items() if len(values) > 1)
