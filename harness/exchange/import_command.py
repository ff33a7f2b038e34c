"""The command `geopix-eval import lmms|lm-eval|vlmevalkit FOLDER`: another harness's logs as runs for a leaderboard."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.catalog import Catalogue
from harness.closing import score_answers
from harness.console import results_summary
from harness.errors import ConfigurationError, DataError, nearest
from harness.exchange.lm_eval_logs import read_lm_eval
from harness.exchange.lmms_eval.export import PREFIX
from harness.exchange.lmms_logs import read_lmms
from harness.exchange.logs import Log, Read, Row
from harness.exchange.vlmevalkit_logs import read_vlmevalkit
from harness.importing import IMPORTED, RowReader, noted_as_imported
from harness.metrics.imported import ImportedScore
from harness.plugins import installed
from harness.records import ImageFile, Prediction, Record, Request, Response, Sample, Target
from harness.rescoring import work_of
from harness.results import RunManifest, TaskResult
from harness.run import catalogue_of, judge_of, now, versions
from harness.scoring import Work, cluster_of, record
from harness.settings import Settings
from harness.spec import Task, TaskSpec
from harness.store import RecordLog, RunDirectory

FORMATS: Mapping[str, Read] = {"lmms": read_lmms, "lm-eval": read_lm_eval, "vlmevalkit": read_vlmevalkit}


@dataclass(frozen=True)
class Scored:
    """A log on its way into a run: what scores it, and its samples with their answers."""

    task: Task
    works: Sequence[Work]
    records: list[Record]


@dataclass(frozen=True)
class AsGiven:
    """Takes answers as they are: another harness has read and scored them."""

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the answer's words."""
        return Prediction("ok" if response.text else "empty", None if response.text else "no answer", response.text)

    def target(self, sample: Sample) -> Target:
        """Returns the right answer as the log has it."""
        return sample.target


def import_logs(
    *,
    command: tuple[str, ...],
    form: str,
    folder: Path,
    task: str | None,
    output: Path,
    model_name: str | None,
    seed: int,
    task_dirs: tuple[Path, ...],
    **judging: Any,
) -> int:
    """Turns logs into runs, one a model.

    A task that `geopix-eval export` wrote is scored by our own parser and metrics, from the records in the log. Any
    other is scored by the task that `task` names, or else keeps the scores that its own harness gave each sample.

    Args:
        command: the command line, for the record.
        form: one of `FORMATS`.
        folder: the logs' folder.
        task: a task of ours whose parser and metrics score the answers; None to keep the log's scores.
        output: the run's folder; a folder of runs where the logs are of several models.
        model_name: the model's name in tables; the log's by default.
        seed: seed of the bootstrap.
        task_dirs: further folders of task files.
        judging: the values of the options that name the judge.

    Returns:
        The exit code, 0.

    Raises:
        ConfigurationError: no such format, several models under one name, or a log without scores and no task.
        DataError: a log is damaged.
        MissingDataError: there is no log.
    """
    if form not in FORMATS:
        known = ", ".join(FORMATS)
        raise ConfigurationError(
            f"import {form}: unknown format.{nearest(form, FORMATS)} Known: {known}; or a FILE alone."
        )
    logs = _latest(FORMATS[form](folder))
    models = sorted({log.model for log in logs})
    if model_name and len(models) > 1:
        raise ConfigurationError(f"--model-name: the logs are of {len(models)} models ({', '.join(models)}).")
    catalogue = catalogue_of(task_dirs)
    wanted = catalogue.task(task) if task else None
    scored = {log.file: _scored(log, wanted, catalogue) for log in logs}
    with judge_of([one.task for one in scored.values()], judging, installed()) as judge:
        for model in models:
            place = output if len(models) == 1 else output / _plain(model)
            own = [log for log in logs if log.model == model]
            run = RunDirectory(place)
            run.open(_manifest(own, model_name or model, folder, command, seed))
            _write(run, [scored[log.file] for log in own], Settings(folder, seed=seed, judge=judge,
                                                                  judge_cache=judging.get("judge_cache")))  # fmt: skip
    return 0


def _latest(logs: Iterable[Log]) -> list[Log]:
    """Each model's last log of each task; a task that was run again is said so."""
    latest: dict[tuple[str, str], Log] = {}
    for log in sorted(logs, key=lambda log: (log.started, str(log.file))):
        before = latest.get((log.model, log.task))
        note = (f"An earlier log of the same model and task, {before.file.name}, is left out.",) if before else ()
        latest[log.model, log.task] = replace(log, notes=(*log.notes, *note))
    return list(latest.values())


def _scored(log: Log, wanted: Task | None, catalogue: Catalogue) -> Scored:
    if not log.rows:
        raise DataError(f"{log.file} holds no sample.")
    if all(row.record for row in log.rows):
        return _ours(log, catalogue)
    return _by_task(log, wanted) if wanted else _by_its_own_scores(log)


def _ours(log: Log, catalogue: Catalogue) -> Scored:
    """A task that was exported: its records, scored anew by the task as it is now."""
    task = _noted(catalogue.task(log.task.removeprefix(PREFIX)), log)
    old = [row.record for row in log.rows if row.record]
    works = [work_of(task, one, log.file.parent) for one in old]
    records = [record(task, work, one.response, one.prediction.reason) for work, one in zip(works, old, strict=True)]
    return Scored(task, works, records)


def _by_task(log: Log, task: Task) -> Scored:
    works = [_work(task, row) for row in log.rows]
    noted = _noted(replace(task, reader=RowReader([work.sample for work in works])), log)
    records = [record(noted, work, Response(row.text)) for work, row in zip(works, log.rows, strict=True)]
    return Scored(noted, works, records)


def _by_its_own_scores(log: Log) -> Scored:
    names = sorted({name for row in log.rows for name in row.scores})
    if not names:
        raise ConfigurationError(
            f"{log.file}: the log gives no sample a score. Name a task of ours that scores the answers with --task; "
            "see `geopix-eval ls`."
        )
    metrics = {_plain(name): ImportedScore(log.harness, name, log.higher_is_better.get(name, True)) for name in names}
    task = Task(_spec(log, metrics), RowReader([]), AsGiven(), metrics, _digest(log.task, log.harness), log.file)
    works = [_work(task, row) for row in log.rows]
    records = [
        replace(
            record(replace(task, metrics={}), work, Response(row.text)),
            statistics={_plain(name): {"n": 1.0, "total": value} for name, value in row.scores.items()},
        )
        for work, row in zip(works, log.rows, strict=True)
    ]
    return Scored(task, works, records)


def _spec(log: Log, metrics: Mapping[str, ImportedScore]) -> TaskSpec:
    tags = sorted({tag for row in log.rows for tag in row.tags})
    return TaskSpec.model_validate(
        {
            "name": _plain(log.task),
            "version": 1,
            "title": f"{log.task} ({log.harness})",
            "dataset": {"reader": "import", "root": "."},
            "capability": "vqa",
            "prompt": "{{ prompt }}",
            "parser": {"name": "import"},
            "metrics": [
                {"name": "imported_score", "as": name, "primary": place == 0, "harness": metric.harness,
                 "metric": metric.metric, "higher_is_better": metric.higher_is_better}
                for place, (name, metric) in enumerate(metrics.items())
            ],
            "slices": tags,
            "notes": [_origin(log), *log.notes],
        }
    )  # fmt: skip


def _work(task: Task, row: Row) -> Work:
    images = (ImageFile(row.image, Path(row.image)),) if row.image else ()
    sample = Sample(row.id, images, {"prompt": row.prompt}, Target(row.target), row.tags)
    request = Request(row.id, images, row.prompt, task.spec.capability, task.spec.generation.model_dump())
    return Work(sample, request, _digest(row.id, row.prompt, row.text), {}, (), cluster_of(task, sample))


def _noted(task: Task, log: Log) -> Task:
    noted = noted_as_imported(task, log.file)
    notes = [*noted.spec.notes, _origin(log), *log.notes]
    return replace(noted, spec=noted.spec.model_copy(update={"notes": notes}))


def _origin(log: Log) -> str:
    return f"The answers were given under {log.harness}."


def _manifest(logs: Sequence[Log], model: str, folder: Path, command: tuple[str, ...], seed: int) -> RunManifest:
    content = (hashlib.sha256(log.file.read_bytes()).hexdigest() for log in logs)
    return RunManifest(
        model=model,
        argument=f"{IMPORTED}{folder}",
        digest=_digest(*content),
        settings={"harness": logs[0].harness, "file": str(logs[0].file), **logs[0].settings},
        versions=versions(),
        command=command,
        started=now(),
        seed=seed,
        data_dir=str(folder.resolve()),
    )


def _write(run: RunDirectory, scored: Sequence[Scored], settings: Settings) -> None:
    results: list[TaskResult] = []
    for one in scored:
        cache = settings.judge_cache or run.path / "verdicts.sqlite"
        result, records = score_answers(one.task, one.works, one.records, replace(settings, judge_cache=cache))
        with RecordLog(run.records_path(result.task)):
            run.reopen_task(result.task)
            run.close_task(result, records)
        results.append(result)
    Console().print(results_summary(results))
    Console(stderr=True).print(Text(f"Run: {run.path}   Report: geopix-eval leaderboard {run.path}", style="dim"))


def _plain(name: str) -> str:
    """A name as tasks and scores of ours may have it.

    >>> _plain("MMBench_DEV_EN v1.1/acc@1")
    'mmbench_dev_en_v1_1_acc_1'
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"x_{plain}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
