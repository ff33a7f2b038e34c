"""A run scored anew from its stored answers: other metrics, another parser; no model, no data set."""

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.catalog import Catalogue
from harness.closing import score_answers
from harness.errors import ConfigurationError, DataError, nearest
from harness.importing import IMPORTED, noted_as_imported
from harness.interfaces import Judge, Parser
from harness.paths import spelt_below
from harness.plugins import installed
from harness.policy import ErrorPolicy
from harness.processes.attendance import nobody_at_work
from harness.records import ImageFile, Prediction, Record, Request, Response, Sample, Target
from harness.results import RunManifest, TaskResult
from harness.run import catalogue_of, conclude, judge_of, unique
from harness.scoring import Work, cluster_of, record
from harness.settings import Settings
from harness.spec import Task, build
from harness.store import VERDICTS_FILE, RunDirectory

TASK_FILES = (".yaml", ".yml")
FIRST_WITH_RAW_TARGETS = 2
NOT_ASKED = "No model was asked; run the task again to ask these samples."
EARLIER_TARGETS = "Scored anew from records of format 1: the right answers are as the run's own parser had read them."


def rescore_run(
    *,
    command: tuple[str, ...],
    run: Path,
    task: str | None,
    metrics: str | None,
    output: Path | None,
    policy: str,
    task_dirs: tuple[Path, ...],
    **judging: Any,
) -> int:
    """Scores the stored answers of a run anew and writes the results.

    Args:
        command: the command line, for the record of a new run folder.
        run: the run's folder.
        task: the finished task to score; all where None.
        metrics: names of metrics to add, separated by commas, or a task file whose parser and metrics are used.
        output: a new run folder; the run's own where None.
        policy: when failed samples end the command with exit code 3.
        task_dirs: further folders of task files.
        judging: the values of the options that name the judge.

    Returns:
        The exit code: 3 when more samples failed than accepted.

    Raises:
        ConfigurationError: the run, a task or a metric is unknown, or a task is not finished.
        DataError: records are missing, torn or not those of the result.
    """
    accepted = ErrorPolicy.parse(policy)
    stored = RunDirectory(run)
    manifest = stored.manifest()
    catalogue = catalogue_of(task_dirs)
    plan = list(_plan(stored, task, metrics, catalogue))
    cache = judging.get("judge_cache") or stored.path / VERDICTS_FILE
    scored = []
    with judge_of([wanted for _, wanted in plan], judging, installed()) as judge:
        for name, wanted in plan:
            answers = Answers.read(stored, name)
            scored.append((name, *answers.scored(_as_imported(wanted, manifest), manifest, judge, cache)))
    goal = RunDirectory(output or run)
    goal.open(replace(manifest, command=command) if output else manifest)
    for name, result, records in scored:
        _write(goal, result, records)
        _copy_previews(stored.previews(name), goal.previews(result.task))
    return conclude([result for _, result, _ in scored], goal, accepted, NOT_ASKED)


@dataclass(frozen=True)
class StoredTargets:
    """A parser for records that hold right answers only as an earlier parser had read them: it leaves them alone."""

    parser: Parser

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns what the parser makes of an answer."""
        return self.parser.parse(response, sample)

    def target(self, sample: Sample) -> Target:
        """Returns the right answer as it is stored."""
        return sample.target


@dataclass(frozen=True)
class Answers:
    """A finished task's answers.

    Attributes:
        result: the scores they had so far.
        records: one record a sample, all that the result counts.
    """

    result: TaskResult
    records: Sequence[Record]

    @classmethod
    def read(cls, run: RunDirectory, task: str) -> "Answers":
        """Returns the answers of a finished task.

        Raises:
            DataError: the records are missing, torn, or not those of the result.
        """
        result, path = run.result(task), run.records_path(task)
        if not path.is_file():
            raise DataError(f"{path} does not exist: the answers of task {task} are gone. {_AGAIN}")
        _refuse_torn(path)
        records = list(run.records(task))
        if len(records) != result.counts.total:
            raise DataError(
                f"{path} holds {len(records)} records, and result.json counts {result.counts.total}. {_AGAIN}"
            )
        repeated = [sample for sample, count in Counter(record.sample_id for record in records).items() if count > 1]
        if repeated:
            raise DataError(f"{path} holds more than one record of sample {repeated[0]!r}. {_AGAIN}")
        return cls(result, records)

    def scored(
        self, task: Task, manifest: RunManifest, judge: Judge | None = None, judge_cache: Path | None = None
    ) -> tuple[TaskResult, list[Record]]:
        """Returns result and records under a task's parser and metrics, the same as a fresh run with these answers.

        Args:
            task: the task with the parser and the metrics.
            manifest: the run's.
            judge: whom metrics ask that need one.
            judge_cache: where verdicts are kept.

        Raises:
            DataError: the records are not those that the result was made of, or name an image outside the data folder.
        """
        keeps_raw_targets = self.result.format >= FIRST_WITH_RAW_TARGETS
        reading = task if keeps_raw_targets else replace(task, parser=StoredTargets(task.parser))
        settings = Settings(
            Path(manifest.data_dir),
            limit=_limit(self.result),
            seed=manifest.seed,
            judge=judge,
            judge_cache=judge_cache,
        )
        works = [work_of(task, old, settings.data_dir) for old in self.records]
        records = [
            record(reading, work, old.response, old.prediction.reason)
            for work, old in zip(works, self.records, strict=True)
        ]
        result, records = score_answers(reading, works, records, settings)
        result = replace(result, images_digest=self.result.images_digest)
        if not keeps_raw_targets:
            notes = (*result.notes, EARLIER_TARGETS)
            return replace(result, data_digest=self.result.data_digest, format=self.result.format, notes=notes), records
        if result.data_digest != self.result.data_digest:
            raise DataError(
                f"the records of task {self.result.task} are not those that its result.json is of. {_AGAIN}"
            )
        return result, records


_AGAIN = "Run the same `geopix-eval --tasks ..` command again: it asks only what has no answer."


def _limit(result: TaskResult) -> int | None:
    """How many samples were asked at most; results of format 1 say so in a note alone."""
    told = (re.search(r"\(--limit (\d+)\)", note) for note in result.notes if result.format == 1)
    return next((int(match[1]) for match in told if match), result.limit)


def _refuse_torn(path: Path) -> None:
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        line = content.count(b"\n") + 1
        raise DataError(f"{path}:{line}: the last line is torn: its end is missing. {_AGAIN}")


def work_of(task: Task, old: Record, data_dir: Path) -> Work:
    """Returns the sample and the request that a record is of, as far as it keeps them."""
    files = (spelt_below(data_dir, file) for file in old.image_files)
    images = tuple(ImageFile(image, file) for image, file in zip(old.images, files, strict=False))
    sample = Sample(old.sample_id, images, old.fields, old.raw_target or old.target, old.tags)
    request = Request(old.sample_id, images, old.prompt, task.spec.capability, task.spec.generation.model_dump())
    return Work(sample, request, old.key, {}, old.image_files, cluster_of(task, sample))


def _as_imported(task: Task, manifest: RunManifest) -> Task:
    if not manifest.argument.startswith(IMPORTED):
        return task
    return noted_as_imported(task, Path(manifest.argument.removeprefix(IMPORTED)))


def _plan(run: RunDirectory, task: str | None, metrics: str | None, catalogue: Catalogue) -> list[tuple[str, Task]]:
    """Which of the run's tasks are scored, each with the task that says how."""
    if metrics is not None and metrics.endswith(TASK_FILES):
        wanted = catalogue.task(metrics)
        return [(_answered_for(run, task, wanted, catalogue), wanted)]
    names = [_finished(run, task, catalogue)] if task else run.tasks()
    if not names:
        _refuse_unfinished(run)
    added = unique(metrics or "")
    if metrics is not None and not added:
        raise ConfigurationError("--metrics names no metric; expected names separated by commas, or a task file.")
    return [(name, _with_metrics(_task(name, catalogue), added, catalogue)) for name in names]


def _answered_for(run: RunDirectory, task: str | None, wanted: Task, catalogue: Catalogue) -> str:
    """The task whose answers a task file is to score."""
    if task:
        return _finished(run, task, catalogue)
    finished = run.tasks()
    if wanted.spec.name in finished:
        return wanted.spec.name
    if len(finished) == 1:
        return finished[0]
    if not finished:
        _refuse_unfinished(run)
    raise ConfigurationError(
        f"{run.path} has the tasks {', '.join(finished)}; say with --task whose answers {wanted.spec.name} is to score."
    )


def _finished(run: RunDirectory, name: str, catalogue: Catalogue) -> str:
    aliases = {alias: entry.name for entry in catalogue.entries for alias in entry.aliases}
    finished = run.tasks()
    found = name if name in finished else aliases.get(name, name)
    if found in finished:
        return found
    if found in run.unfinished():
        _refuse_unfinished(run)
    raise ConfigurationError(
        f"{run.path} has no answers to task {name!r}.{nearest(name, finished)} "
        f"Its finished tasks: {', '.join(finished) or 'none'}."
    )


def _refuse_unfinished(run: RunDirectory) -> None:
    started = ", ".join(run.unfinished())
    what = f"task {started} is not finished" if started else "no task is finished"
    raise ConfigurationError(f"{run.path}: {what}, so records are missing. {_AGAIN}")


def _task(name: str, catalogue: Catalogue) -> Task:
    try:
        return catalogue.task(name)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error} Name the folder of its task file with --task-dir, or a task file with --metrics."
        ) from error


def _with_metrics(task: Task, names: Sequence[str], catalogue: Catalogue) -> Task:
    """The task with further metrics, each in its plain form."""
    registry = catalogue.plugins.metrics
    for name in names:
        needed = [option for option, (_, default) in registry.option_types(name).items() if default is ...]
        if needed:
            raise ConfigurationError(
                f"metric {name!r} needs {', '.join(needed)}. Write a task file with `extends: {task.spec.name}` "
                "and its own `metrics`, and name the file with --metrics."
            )
    added = [{"name": name} for name in names if name not in task.metrics]
    document = catalogue.resolve(catalogue.find(str(task.file)))
    data = {**document.data, "metrics": [*document.data["metrics"], *added]}
    return build(replace(document, data=data), task.file, catalogue.plugins) if added else task


def _write(run: RunDirectory, result: TaskResult, records: list[Record]) -> None:
    with nobody_at_work(run, result.task):
        run.reopen_task(result.task)
        run.close_task(result, records)


def _copy_previews(old: Path, new: Path) -> None:
    if old.is_dir() and old.resolve() != new.resolve():
        shutil.copytree(old, new, dirs_exist_ok=True)
