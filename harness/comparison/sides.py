"""The two sides of a comparison: a run directory, or a blessed baseline in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.comparison.baseline import read_baseline
from harness.comparison.evidence import Evidence
from harness.errors import ConfigurationError, MissingDataError
from harness.store import RUN_FILE, RunDirectory


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        label: the model's name, told apart from the other side's.
        digest: the model's digest.
        path: where it was read from.
        tasks: the finished tasks' evidence by name.
        unfinished: tasks that have records and no result.
    """

    label: str
    digest: str
    path: Path
    tasks: Mapping[str, Evidence]
    unfinished: tuple[str, ...] = ()


def load_sides(base: Path, head: Path) -> tuple[Side, Side]:
    """Returns the baseline and the run that is judged, with labels that tell them apart.

    Raises:
        MissingDataError: one is not there.
        ConfigurationError: one is no run, or has no finished task.
        DataError: one is damaged.
    """
    one, other = load_side(base), load_side(head)
    if one.label == other.label:
        one, other = (_labelled(side, f"{side.label} ({side.path})") for side in (one, other))
    return one, other


def _labelled(side: Side, label: str) -> Side:
    return replace(side, label=label, tasks={name: replace(task, label=label) for name, task in side.tasks.items()})


def load_side(path: Path) -> Side:
    """Returns a run, or a baseline that `geopix-eval bless` wrote.

    Raises:
        MissingDataError: it is not there.
        ConfigurationError: it is no run, or has no finished task.
        DataError: it is damaged.
    """
    if not path.exists():
        raise MissingDataError(
            f"{path} does not exist. Expected a run's folder, made by `geopix-eval --tasks .. --model .. --output "
            f"{path}`, or a baseline, made by `geopix-eval bless RUN -o {path}`."
        )
    if path.is_file():
        found = read_baseline(path)
        tasks = {task.result.task: task for task in found.tasks}
        return Side(found.model, found.digest, path, tasks)
    run = RunDirectory(path)
    if not (path / RUN_FILE).exists():
        raise ConfigurationError(f"{path} is no run (it has no {RUN_FILE}). Name the folder of one run.")
    manifest = run.manifest()
    tasks = {task: Evidence.of_run(manifest.model, run, task) for task in run.tasks()}
    unfinished = tuple(run.unfinished())
    if not tasks:
        raise ConfigurationError(
            f"{path}: no task is finished here, so there is nothing to compare. Run the same `geopix-eval --tasks ..` "
            "command again; it goes on where it stopped."
        )
    return Side(manifest.model, manifest.digest, path, tasks, unfinished)
