"""The end of a task: records in the data set's order, pictures for the report, and the result.

Records pass through one by one, and only what their scores are made of is kept, so a task of millions closes in little
memory. Metrics that look at all samples together, or ask a judge, need all records at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.images import write_preview
from harness.judges.cache import VerdictCache
from harness.judging import Judging, judge_records, judged_metrics
from harness.records import ImageFile, Record
from harness.results import TaskResult
from harness.scoring import Tally, Work
from harness.settings import Settings
from harness.spec import Task
from harness.store import VERDICTS_FILE, RunDirectory, encode, preview_name
from harness.together import score_together


@dataclass(frozen=True)
class Unfinished:
    """A task that cannot be closed yet.

    Attributes:
        task: its name.
        missing: how many samples have no record, at least; None where other processes are still at work.
    """

    task: str
    missing: int | None = None


class _Missing(Exception):
    """Samples have no record."""

    def __init__(self, samples: int) -> None:
        super().__init__(samples)
        self.samples = samples


Find = Callable[[Work], Record | None]


def close(
    task: Task,
    run: RunDirectory,
    works: Iterable[Work],
    find: Find,
    settings: Settings,
    *,
    lines: Mapping[str, bytes] | None = None,
) -> TaskResult | Unfinished:
    """Writes a task's records in the data set's order and its result, if every sample has a record.

    Nobody else may be at work on the task. What is there before stays until all is written: after a kill in between the
    same command closes the task again.

    Args:
        task: the task.
        run: the run.
        works: its samples, in order; they are gone through once.
        find: gives the scored record of a sample, or None.
        settings: limit, previews, seed and judge.
        lines: records that are written already and stay as they are, by sample id.

    Raises:
        OSError: the folder cannot be written.
        ConfigurationError: a metric fails on the samples together.
    """
    name = task.spec.name
    run.reopen_task(name)
    images: dict[str, ImageFile] = {}
    pairs = _complete(_noting(works, images), find)
    settings = replace(settings, judge_cache=settings.judge_cache or run.path / VERDICTS_FILE)
    try:
        if _needs_all(task):
            all_works, records = map(list, zip(*pairs, strict=True))
            result, records = score_answers(task, all_works, records, settings)
            run.write_records(name, map(encode, records))
        else:
            tally = Tally(task)
            run.write_records(name, _lines(pairs, tally, lines or {}))
            result = _limited(tally.result(settings.seed), settings.limit)
    except _Missing as missing:
        return Unfinished(name, missing.samples)
    _keep_previews(images, run.previews(name), settings.previews)
    run.write_result(result)
    for path in run.record_files(name)[1:]:
        path.unlink()  # of several processes; their records are in the first file now
    return result


def _noting(works: Iterable[Work], images: dict[str, ImageFile]) -> Iterator[Work]:
    """Passes samples on, and keeps their images where the model looked at them."""
    for work in works:
        if work.image_digests:
            images.update({image.id: image for image in work.sample.images})
        yield work


def _complete(works: Iterable[Work], find: Find) -> Iterator[tuple[Work, Record]]:
    """Yields samples with their records.

    Raises:
        _Missing: in the end, if a sample had none.
    """
    missing = 0
    for work in works:
        record = find(work)
        if record is None:
            missing += 1
        elif not missing:
            yield work, record
    if missing:
        raise _Missing(missing)


def _lines(pairs: Iterable[tuple[Work, Record]], tally: Tally, known: Mapping[str, bytes]) -> Iterator[bytes]:
    for work, record in pairs:
        tally.add(work, record)
        yield known.get(record.sample_id) or encode(record)


def _needs_all(task: Task) -> bool:
    return bool(judged_metrics(task)) or any(hasattr(metric, "score_all") for metric in task.metrics.values())


def score_answers(
    task: Task, works: Sequence[Work], records: list[Record], settings: Settings
) -> tuple[TaskResult, list[Record]]:
    """Returns the result of a task whose every sample has a record, and the records.

    They are the same list, or another with the statistics of metrics that score all samples together or ask a judge.
    """
    scored = score_together(task, records, [work.sample.images for work in works])
    judging = _judged(task, scored.records, settings)
    tally = Tally(task)
    for work, record in zip(works, judging.records, strict=True):
        tally.add(work, record)
    result = tally.result(settings.seed, scored.undefined, judging)
    return _limited(result, settings.limit), judging.records


def _judged(task: Task, records: list[Record], settings: Settings) -> Judging:
    """What the judge says of a task's records; as they are where no metric asks it."""
    if settings.judge is None or settings.judge_cache is None or not judged_metrics(task):
        return Judging(records)
    with VerdictCache(settings.judge_cache) as cache:
        return judge_records(task, records, settings.judge, cache)


def _limited(result: TaskResult, limit: int | None) -> TaskResult:
    if limit is None:
        return result
    note = f"Only the first {limit} samples were asked (--limit {limit})."
    return replace(result, notes=(*result.notes, note), limit=limit)


def _keep_previews(images: Mapping[str, ImageFile], folder: Path, at_most: int) -> None:
    """Keeps small copies of the same images in every run, so that reports need no data set."""
    for image_id in sorted(images, key=preview_name)[:at_most]:
        write_preview(images[image_id], folder)
