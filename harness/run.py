"""One command line from task names to results: resolves, runs, prints, and decides the exit code."""

import os
import platform
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.cache.choice import chosen_cache
from harness.cache.responses import ResponseCache
from harness.catalog import Catalogue, shipped
from harness.closing import Unfinished
from harness.console import results_summary, task_progress
from harness.errors import ConfigurationError
from harness.evaluate import take_part
from harness.interfaces import Closable, Judge, Model, RepeatableModel
from harness.judging import UNJUDGED, judged_metrics, require_judge
from harness.model_names import load_judge, load_model, parse_options
from harness.models.cached import cached
from harness.plugins import Plugins, installed
from harness.policy import ErrorPolicy
from harness.preparation import data_root
from harness.processes.shards import CARDS, Shard, card_of
from harness.report.formatting import shorten, visible
from harness.results import RunManifest, TaskResult
from harness.settings import Settings
from harness.spec import Task
from harness.store import RECORDS_FILE, RunDirectory

SAMPLES_FAILED = 3
REASONS_SHOWN = 3
ASK_AGAIN = "The same command asks the failed samples again."
LIBRARIES = ("geopix", "numpy", "pycocotools", "pillow", "torch", "transformers")


def run_tasks(*, command: tuple[str, ...], **options: Any) -> int:
    """Runs tasks with a model as the command line says; returns the exit code.

    Everything that can be refused is refused before the model is loaded.

    Args:
        command: the command line, for the record.
        options: the values of the command's options, by name.

    Raises:
        GeoPixError: a mistake of the user's, or something missing.
    """
    # Pillow warns of damaged files on the terminal; which samples they fail, and why, is in the records.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    policy = ErrorPolicy.parse(options["policy"])
    shard = Shard.parse(options["shard"]) if options["shard"] else Shard.told(os.environ)
    plugins = installed()
    tasks = named_tasks(options["tasks"], catalogue_of(options["task_dirs"]))
    for task in tasks:
        data_root(task, options["data_dir"])
    see_one_card(shard, parse_options(options["model_options"]))
    with judge_of(tasks, options, plugins) as judge, model_of(options, plugins) as model:
        run = RunDirectory(options["output"] or Path("runs") / _folder_name(model.name))
        run.open(_manifest(model, command, options))
        with task_progress(shard) as progress:
            settings = Settings(
                options["data_dir"],
                options["limit"],
                options["previews"],
                options["seed"],
                progress=progress,
                judge=judge,
                judge_cache=options["judge_cache"],
                shard=shard,
            )
            ends = [take_part(task, model, run, settings) for task in tasks]
    return conclude_share(ends, run, policy)


def see_one_card(shard: Shard, model_options: Mapping[str, str]) -> None:
    """Hides all graphics cards but one from this process, if several share a machine and no device is typed.

    torch is not imported yet, so that this holds for a model of any family.
    """
    card = None if {"device", "device_map"} & model_options.keys() else card_of(shard, os.environ)
    if card is not None:
        os.environ[CARDS] = card


def conclude_share(ends: Sequence[TaskResult | Unfinished], run: RunDirectory, policy: ErrorPolicy) -> int:
    """Prints what came of one process's part in a run; returns the exit code.

    The process that closed the last task prints the scores of all, those that others have closed as well, and it alone
    may end with another code than 0: whoever has started the processes might else end those that are still at work.
    """
    finished = set(run.tasks())
    waiting = [end for end in ends if isinstance(end, Unfinished) and (end.task not in finished or end is ends[-1])]
    for end in waiting:
        Console(stderr=True).print(Text(_waiting(end)), style="dim", soft_wrap=True)
    if isinstance(ends[-1], Unfinished):
        return 0
    results = [run.result(end.task) if isinstance(end, Unfinished) else end for end in ends if end.task in finished]
    return conclude(results, run, policy) or (SAMPLES_FAILED if waiting else 0)


def _waiting(end: Unfinished) -> str:
    """Says why this process did not close a task, and who will."""
    if end.missing is None:
        return f"{end.task}: this process has done its share; whoever is last at work closes the task."
    return (
        f"{end.task}: this process has done its share, and {end.missing} samples of others have no record yet. Their "
        f"processes close the task; should they have died, the same command with any number of processes does."
    )


@contextmanager
def judge_of(tasks: Sequence[Task], options: Mapping[str, Any], plugins: Plugins) -> Iterator[Judge | None]:
    """Gives the judge that the command line names, where a task asks one, and closes it in the end.

    Raises:
        ConfigurationError: a task asks a judge and none is named, or there is no such judge.
        EnvironmentProblem: the judge's extra, folder or key is missing.
    """
    require_judge(tasks, options.get("judge"))
    if not options.get("judge") or not any(map(judged_metrics, tasks)):
        yield None
        return
    with closing(load_judge(options["judge"], parse_options(options["judge_options"]), plugins.judges)) as judge:
        yield judge


@contextmanager
def model_of(options: Mapping[str, Any], plugins: Plugins) -> Iterator[Model]:
    """Gives the model that the command line names, with the cache before it where one is wanted; closes both."""
    with ExitStack() as open_things:
        path = chosen_cache(options.get("cache"))
        cache = open_things.enter_context(ResponseCache(path, _tell)) if path else None
        model = load_model(options["model"], parse_options(options["model_options"]), plugins.models)
        if isinstance(model, Closable):
            open_things.callback(model.close)
        if cache and not isinstance(model, RepeatableModel):
            _tell(f"{model.name} is asked without the cache: its answers depend on more than what it is asked.")
        yield cached(model, cache, versions()) if cache else model


def _tell(words: str) -> None:
    Console(stderr=True).print(Text(str(visible(words)), style="yellow"), soft_wrap=True)


def catalogue_of(task_dirs: tuple[Path, ...]) -> Catalogue:
    """Returns the shipped tasks together with those of further folders."""
    return Catalogue([shipped("tasks"), *task_dirs], installed())


def unique(names: str) -> list[str]:
    """Returns the names of a comma-separated list, each once, in order.

    >>> unique("rrsis, rsvqa_hr,rrsis")
    ['rrsis', 'rsvqa_hr']
    """
    return list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))


def named_tasks(names: str, catalogue: Catalogue) -> list[Task]:
    """Returns the tasks of a comma-separated list, checked.

    Raises:
        ConfigurationError: no task is named, or some are unknown or have mistakes; all of them.
    """
    listed = unique(names)
    if not listed:
        raise ConfigurationError("--tasks names no task; see `geopix-eval ls`.")
    found, problems = [], []
    for name in listed:
        try:
            found.append(catalogue.task(name))
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return found


def conclude(results: list[TaskResult], run: RunDirectory, policy: ErrorPolicy, advice: str = ASK_AGAIN) -> int:
    """Prints the scores and what failed; returns the exit code.

    Args:
        results: the tasks' results.
        run: where they are.
        policy: when failed samples end the command with exit code 3.
        advice: what to do about failed samples.
    """
    Console().print(results_summary(results))
    console = Console(stderr=True)
    console.print(f"Run: {run.path}   Report: geopix-eval leaderboard {run.path}", style="dim", soft_wrap=True)
    broken = [
        result for result in results if policy.broken(max(result.counts.failed, result.unjudged), result.counts.total)
    ]
    for result in results:
        if result.counts.failed:
            console.print(Text("\n".join(_failures(result, run, advice)), style="red"), soft_wrap=True)
        if result.unjudged:
            console.print(Text("\n".join(_unjudged(result, run)), style="red"), soft_wrap=True)
    return SAMPLES_FAILED if broken else 0


def _failures(result: TaskResult, run: RunDirectory, advice: str) -> Iterator[str]:
    """Yields how many of a task's samples failed, the first reasons, and where the others are."""
    yield f"{result.task}: {result.counts.failed} of {result.counts.total} samples failed:"
    failed = (record for record in run.records(result.task) if record.prediction.status == "failed")
    for record in islice(failed, REASONS_SHOWN):
        yield f"  {visible(record.sample_id)}: {shorten(str(visible(record.prediction.reason)))}"
    yield f"All reasons are in {run.path / result.task / RECORDS_FILE} and in the report. {advice}"


def _unjudged(result: TaskResult, run: RunDirectory) -> Iterator[str]:
    """Yields on how many samples the judge failed, and the first reasons."""
    yield f"{result.task}: the judge failed on {result.unjudged} of {result.counts.total} samples:"
    failed = (
        (record.sample_id, record.verdicts[metric])
        for record in run.records(result.task)
        for metric, statistics in record.statistics.items()
        if UNJUDGED in statistics
    )
    for sample_id, reason in islice(failed, REASONS_SHOWN):
        yield f"  {visible(sample_id)}: {shorten(str(visible(reason)))}"
    yield "The scores that need it are undefined. The same command asks it about these samples again."


def _folder_name(model: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in model).strip(".") or "run"


def _manifest(model: Model, command: tuple[str, ...], options: dict[str, Any]) -> RunManifest:
    return RunManifest(
        model=model.name,
        argument=options["model"],
        digest=model.digest,
        settings=dict(model.settings),
        versions=versions(),
        command=command,
        started=now(),
        seed=options["seed"],
        data_dir=str(options["data_dir"].resolve()),
    )


def now() -> str:
    """Returns the time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Returns the installed versions of Python and the libraries that results depend on, importing none."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
