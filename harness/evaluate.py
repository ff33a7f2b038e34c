"""The loop: what to ask, what is answered already, batches by image, failures by policy."""

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path

from harness.errors import ConfigurationError, DataError, MissingDataError, SampleError
from harness.images import image_digest, write_preview
from harness.interfaces import ConcurrentModel, Judge, Model
from harness.judges.cache import VerdictCache
from harness.judging import Judging, judge_records, judged_metrics
from harness.paths import spelt_below
from harness.prompts import PromptTemplate
from harness.records import Record, Request, Response, Sample
from harness.results import TaskResult
from harness.scoring import Work, cluster_of, record, response_key, summarise
from harness.spec import Task
from harness.store import VERDICTS_FILE, RecordLog, RunDirectory, preview_name
from harness.together import score_together

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """How a run is made.

    Attributes:
        data_dir: the folder with the data sets.
        limit: only the first so many samples; None for all.
        previews: for how many images of a task a small copy is kept for the report.
        seed: the seed of the bootstrap.
        progress: called with the task's name, samples done and samples in all.
        judge: whom metrics ask that need one; None where no task has such a metric.
        judge_cache: where verdicts are kept; a file in the run's folder by default.
    """

    data_dir: Path
    limit: int | None = None
    previews: int = 200
    seed: int = 0
    progress: Progress = lambda task, done, total: None
    judge: Judge | None = None
    judge_cache: Path | None = None


def evaluate(task: Task, model: Model, run: RunDirectory, settings: Settings) -> TaskResult:
    """Asks a model every question of a task that it has not answered yet, and writes the result.

    Answers are reused from the run's own records where their key is the same; samples that failed are asked again.
    Reused answers are parsed and scored anew, so that a run never mixes two versions of a parser or metric.

    Raises:
        MissingDataError: the data set is not below the data directory.
        ConfigurationError: a limit would throw away answers that the run has.
    """
    name = task.spec.name
    works = prepare(task, model, settings)
    answered = _answered(run, name, works, settings.limit)
    records = {key: record(task, work, answered[key]) for work in works if (key := work.sample.id) in answered}
    settings.progress(name, len(records), len(works))
    with RecordLog(run.records_path(name)) as log:
        run.reopen_task(name)
        for batch in _ask(model, works, answered.keys()):
            fresh = [_record(task, work, outcome) for work, outcome in batch]
            log.append(fresh)
            records |= {done.sample_id: done for done in fresh}
            settings.progress(name, len(records), len(works))
        _keep_previews(model, works, run.previews(name), settings.previews)
        in_order = [records[work.sample.id] for work in works]
        result, scored = score_answers(task, works, in_order, replace(settings, judge_cache=_cache(run, settings)))
        run.close_task(result, scored, log.lines if scored is in_order else None)
    return result


def _cache(run: RunDirectory, settings: Settings) -> Path:
    return settings.judge_cache or run.path / VERDICTS_FILE


def score_answers(
    task: Task, works: Sequence[Work], records: list[Record], settings: Settings
) -> tuple[TaskResult, list[Record]]:
    """Returns the result of a task whose every sample has a record, and the records.

    They are the same list, or another with the statistics of metrics that score all samples together or ask a judge.
    """
    scored = score_together(task, records, [work.sample.images for work in works])
    judging = _judged(task, scored.records, settings)
    result = summarise(task, works, judging, settings.seed, scored.undefined)
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


def _record(task: Task, work: Work, outcome: Response | str) -> Record:
    return record(task, work, None, outcome) if isinstance(outcome, str) else record(task, work, outcome)


def prepare(task: Task, model: Model, settings: Settings) -> list[Work]:
    """Returns every sample of a task with its request and key, in the data set's order.

    Raises:
        MissingDataError: the data set is not below the data directory.
    """
    root = data_root(task, settings.data_dir)
    template = PromptTemplate(task.spec.prompt)
    generation = task.spec.generation.model_dump()
    works = []
    for sample in _first(task.reader.samples(root), settings.limit):
        prompt = template.render(sample.fields)
        request = Request(sample.id, sample.images, prompt, task.spec.capability, generation)
        works.append(_work(task, model, sample, request, settings.data_dir))
    if not works:
        raise MissingDataError(f"{root}: task {task.spec.name} has no sample here. Are these the files of its split?")
    _refuse_repeated_ids(works, root)
    return works


def _refuse_repeated_ids(works: Sequence[Work], root: Path) -> None:
    counts = Counter(work.sample.id for work in works)
    repeated = [sample_id for sample_id, count in counts.items() if count > 1]
    if repeated:
        raise DataError(
            f"{root}: {len(repeated)} sample ids stand more than once, {', '.join(repeated[:5])} for example. "
            "Answers could not be told apart; mend the data set's files."
        )


def data_root(task: Task, data_dir: Path) -> Path:
    """Returns the folder of a task's data set.

    Raises:
        MissingDataError: it is not there; says where it was looked for and where to get it.
    """
    # The data set's own folder may be a link that the user has laid; nothing below it may lead outside it.
    root = spelt_below(data_dir, task.spec.dataset.root)
    if not root.is_dir():
        source = f"Get it from {task.spec.url}, or name" if task.spec.url else "Name"
        raise MissingDataError(
            f"task {task.spec.name}: the data is not at {root.resolve()}. {source} the folder that holds "
            f"{task.spec.dataset.root}/ with --data-dir."
        )
    return root


def _first(samples: Iterator[Sample], limit: int | None) -> Iterator[Sample]:
    for index, sample in enumerate(samples):
        if index == limit:
            return
        yield sample


def _work(task: Task, model: Model, sample: Sample, request: Request, data_dir: Path) -> Work:
    digests: dict[str, str] = {}
    if model.reads_images and sample.defect is None:
        try:
            digests = {image.id: image_digest(image) for image in sample.images}
        except SampleError as error:
            sample = replace(sample, defect=str(error))
    return Work(
        sample=sample,
        request=request,
        key=response_key(model.digest, task.spec.name, task.spec.version, request, digests),
        image_digests=digests,
        image_files=tuple([_relative(image.path, data_dir) for image in sample.images]),
        cluster=cluster_of(task, sample),
    )


# The questions of one image ask for the same path.
@lru_cache(maxsize=4096)
def _relative(path: Path, data_dir: Path) -> str:
    return path.relative_to(data_dir).as_posix() if path.is_relative_to(data_dir) else path.name


def _answered(run: RunDirectory, task: str, works: Sequence[Work], limit: int | None) -> dict[str, Response]:
    """The answers of earlier, perhaps interrupted, runs that may be used again."""
    keys = {work.sample.id: work.key for work in works if work.sample.defect is None}
    known = {work.sample.id for work in works}
    found = {}
    for done in run.records(task):
        if done.sample_id not in known and limit is not None:
            raise ConfigurationError(
                f"{run.path} holds more answers to task {task} than the first {limit}, and they would be lost. Leave "
                "--limit out, or name another folder with --output."
            )
        if done.response is not None and keys.get(done.sample_id) == done.key:
            found[done.sample_id] = done.response
    return found


def _ask(model: Model, works: Sequence[Work], answered: Container[str]) -> Iterator[list[tuple[Work, Response | str]]]:
    """Yields batches of answers, or of the reasons why there is none, for what is not answered yet.

    The batches are cut from all samples, whatever is answered: a model whose last bits depend on its batch then
    gives the same answers in a run that was interrupted.
    """
    defects: list[tuple[Work, Response | str]] = [(work, work.sample.defect) for work in works if work.sample.defect]
    if defects:
        yield defects
    by_image: dict[str, list[Work]] = {}
    for work in works:
        if not work.sample.defect:
            by_image.setdefault(work.sample.image_id, []).append(work)
    in_order = list(chain.from_iterable(by_image.values()))
    for start in range(0, len(in_order), model.batch_size):
        batch = [work for work in in_order[start : start + model.batch_size] if work.sample.id not in answered]
        if batch:
            yield from _answers(model, batch)


def _answers(model: Model, batch: list[Work]) -> Iterator[list[tuple[Work, Response | str]]]:
    """Yields the answers of a batch, in parts where the model gives them as they come."""
    if not isinstance(model, ConcurrentModel):
        yield _answer(model, batch)
        return
    waiting = dict(enumerate(batch))
    for index, outcome in model.answers([work.request for work in batch]):
        yield [(waiting.pop(index), outcome)]
    if waiting:
        yield [(work, "the model gave no answer") for work in waiting.values()]


def _answer(model: Model, batch: list[Work]) -> list[tuple[Work, Response | str]]:
    try:
        return list(zip(batch, _responses(model, batch), strict=True))
    except Exception as error:  # noqa: BLE001 - a model may raise anything; it is recorded with the sample
        if len(batch) == 1:
            return [(batch[0], _reason(error))]
    # One sample must not take its neighbours with it: those of a failed batch are asked one by one.
    return list(chain.from_iterable(_answer(model, [work]) for work in batch))


def _responses(model: Model, batch: list[Work]) -> list[Response]:
    responses = list(model.respond([work.request for work in batch]))
    if len(responses) != len(batch):
        raise SampleError(f"the model gave {len(responses)} answers to {len(batch)} requests")
    for response in responses:
        if not isinstance(response, Response):
            raise SampleError(f"the model gave a {type(response).__name__}, expected a Response")
    return responses


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, SampleError) else f"{type(error).__name__}: {error}"


def _keep_previews(model: Model, works: Sequence[Work], folder: Path, at_most: int) -> None:
    """Keeps small copies of the same images in every run, so that reports need no data set."""
    if not model.reads_images:
        return
    images = {image.id: image for work in works for image in work.sample.images}
    for image_id in sorted(images, key=preview_name)[:at_most]:
        write_preview(images[image_id], folder)
