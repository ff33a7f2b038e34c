"""The loop: what to ask, what is answered already, batches by image, failures by policy."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain

from harness.asking.asker import Asker, Outcome
from harness.asking.batch_size import keep_what_fits, settle
from harness.asking.pipeline import pipelined
from harness.closing import Unfinished, close
from harness.errors import ConfigurationError, DataError
from harness.interfaces import Model
from harness.preparation import Answerer, Share, first_requests, own_share, prepare
from harness.processes.attendance import Attendance, Plan
from harness.processes.gathered import Gathered
from harness.processes.shards import ALONE
from harness.records import Record, Response
from harness.results import TaskResult
from harness.scoring import Work, record
from harness.settings import Progress, Settings
from harness.spec import Task
from harness.store import RecordLog, RunDirectory, read_records, writing


def evaluate(task: Task, model: Model, run: RunDirectory, settings: Settings) -> TaskResult:
    """Asks a model every question of a task that it has not answered yet, and writes the result.

    Answers are reused from the run's own records where their key is the same; samples that failed are asked again.
    Reused answers are parsed and scored anew, so that a run never mixes two versions of a parser or metric.

    Raises:
        MissingDataError: the data set is not below the data directory.
        ConfigurationError: a limit would throw away answers that the run has, or another process is at work here.
        EnvironmentProblem: the run's folder cannot be written.
    """
    ended = take_part(task, model, run, replace(settings, shard=ALONE))
    if isinstance(ended, Unfinished):
        raise DataError(
            f"task {task.spec.name}: the data set has changed while it was asked. Run the same command again."
        )
    return ended


def take_part(task: Task, model: Model, run: RunDirectory, settings: Settings) -> TaskResult | Unfinished:
    """Asks a model this process's share of a task's questions, and closes the task when nobody else is at work on it.

    One process alone is one share of one. What other processes do is found out from the run's folder.

    Returns:
        The task's result, or why this process did not close it.

    Raises:
        MissingDataError, ConfigurationError, EnvironmentProblem: as `evaluate`.
    """
    name, shard = task.spec.name, settings.shard
    with writing(run.path):
        size = settle(run, name, model, partial(first_requests, task, settings), settings.limit)
    share = own_share(task, model, settings, size.size)
    plan = Plan(
        task=task.digest,
        model=model.digest,
        processes=shard.count,
        limit=settings.limit,
        samples=share.samples,
        reads_images=model.reads_images,
        batch_size=size.size,
    )
    with writing(run.path), Attendance(run, name, shard, plan) as part:
        asker = Asker(model, size.fits, partial(keep_what_fits, run, name, size))
        records = _ask_share(task, asker, run, share, part.log, progress=settings.progress)
        with part.going() as parting:
            if parting.others or (run.is_finished(name) and not parting.complete):
                return Unfinished(name)  # someone is still to go; nothing has changed since the task was closed
            if not shard.alone:
                return close_gathered(task, model, run, settings, plan)
            return close(task, run, share.works, partial(_of_sample, records), settings, lines=part.log.lines)


def _ask_share(
    task: Task, asker: Asker, run: RunDirectory, share: Share, log: RecordLog, *, progress: Progress
) -> dict[str, Record]:
    """Asks what has no answer yet, and returns the record of each sample of a share by its id."""
    name = task.spec.name
    settled = _settled(run, name, share)
    records = {
        key: record(task, work, settled[key].response, settled[key].prediction.reason)
        for work in share.works
        if (key := work.sample.id) in settled
    }

    def keep(outcomes: list[Outcome]) -> None:
        fresh = [_record(task, work, outcome) for work, outcome in outcomes]
        run.reopen_task(name)
        log.append(fresh)
        records.update({done.sample_id: done for done in fresh})
        progress(name, len(records), len(share.works))

    progress(name, len(records), len(share.works))
    if defects := _defects(share, settled.keys()):
        keep(defects)
    pipelined(_unanswered(share, settled.keys()), read_ahead=asker.read_ahead, answer=asker.ask, finish=keep)
    return records


def _of_sample(records: Mapping[str, Record], work: Work) -> Record | None:
    return records.get(work.sample.id)


def close_gathered(
    task: Task, model: Answerer, run: RunDirectory, settings: Settings, plan: Plan
) -> TaskResult | Unfinished:
    """Closes a task from the files of all processes that have worked on it, if every sample has a record.

    Nobody may be at work. The answers are parsed and scored anew, one by one.

    Args:
        task: the task.
        model: who has answered.
        run: the run.
        settings: data, limit, previews, seed and judge.
        plan: what the processes had agreed on.

    Raises:
        MissingDataError: the data set is not below the data directory.
        EnvironmentProblem: the run's folder cannot be written.
    """
    name = task.spec.name
    with writing(run.path), Gathered(run.record_files(name)) as gathered:
        if len(gathered) < plan.samples:
            return Unfinished(name, plan.samples - len(gathered))
        return close(task, run, prepare(task, model, settings), partial(_found, task, gathered), settings)


def _found(task: Task, gathered: Gathered, work: Work) -> Record | None:
    """A sample's record, scored anew; one without an answer keeps its reason."""
    stored = gathered.find(work.key)
    return stored and record(task, work, stored.response, stored.prediction.reason)


def _record(task: Task, work: Work, outcome: Response | str) -> Record:
    return record(task, work, None, outcome) if isinstance(outcome, str) else record(task, work, outcome)


def _settled(run: RunDirectory, task: str, share: Share) -> dict[str, Record]:
    """What earlier, perhaps interrupted, processes have left that need not be asked again: answers, and defects."""
    works = {work.sample.id: work for work in share.works}
    found = {}
    for done in chain.from_iterable(map(read_records, run.record_files(task))):
        if share.known is not None and done.sample_id not in share.known:
            raise ConfigurationError(
                f"{run.path} holds more answers to task {task} than the first {len(share.known)}, and they would be "
                "lost. Leave --limit out, or name another folder with --output."
            )
        work = works.get(done.sample_id)
        if work is not None and work.key == done.key and _settles(done, work):
            found[done.sample_id] = done
    return found


def _settles(done: Record, work: Work) -> bool:
    if work.sample.defect is not None:
        return done.response is None and done.prediction.reason == work.sample.defect
    return done.response is not None


def _defects(share: Share, settled: Container[str]) -> list[Outcome]:
    return [(work, work.sample.defect) for work in share.works if work.sample.defect and work.sample.id not in settled]


def _unanswered(share: Share, settled: Container[str]) -> Iterator[list[Work]]:
    """Yields what is not settled yet, in batches.

    The batches are cut from all samples, whatever is answered: a model whose last bits depend on its batch then
    gives the same answers in a run that was interrupted.
    """
    for batch in share.batches:
        unanswered = [work for work in batch if work.sample.id not in settled]
        if unanswered:
            yield unanswered
