"""Asks the judge about a task's answers, when all of them are there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace

from harness.errors import ConfigurationError, SampleError
from harness.interfaces import Judge, JudgedMetric
from harness.judges.cache import VerdictCache
from harness.records import Inquiry, Record, Verdict
from harness.spec import Task

#: The statistic of a sample that the judge failed on: with one, the corpus score is undefined.
UNJUDGED = "unjudged"
GIVE_UP = 50
NOT_ASKED = f"the judge was not asked about this sample, for it had failed {GIVE_UP} times in a row"
Outcome = Verdict | str


@dataclass(frozen=True)
class Judging:
    """What came of asking.

    Attributes:
        records: the records with the judge's statistics and words.
        failed: how many samples the judge failed on.
        facts: who judged, with what prompt and settings, for the result.
    """

    records: list[Record]
    failed: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)


def judged_metrics(task: Task) -> dict[str, JudgedMetric]:
    """Returns a task's metrics that ask a judge, by the names of their scores."""
    return {name: metric for name, metric in task.metrics.items() if isinstance(metric, JudgedMetric)}


def require_judge(tasks: Iterable[Task], judge: str | None) -> None:
    """Goes on when there is a judge or no task asks one.

    Raises:
        ConfigurationError: tasks ask a judge and none is named.
    """
    asking = [task.spec.name for task in tasks if judged_metrics(task)]
    if asking and not judge:
        raise ConfigurationError(
            f"{', '.join(asking)}: scored by a judge, and none is named. Say --judge openai:MODEL@URL for an "
            "OpenAI-compatible endpoint, or --judge transformers:FOLDER for a local model."
        )


def judge_records(task: Task, records: Sequence[Record], judge: Judge, cache: VerdictCache) -> Judging:
    """Returns the records of a task with what the judge says of them.

    A sample that the judge fails on, or whose verdict cannot be read, gets the statistic `unjudged` and its reason.
    """
    metrics = judged_metrics(task)
    found, failed, models = list(records), set(), set()
    for name, metric in metrics.items():
        for index, outcome in _asked(metric, records, judge, cache):
            record, statistics, said = found[index], {UNJUDGED: 1.0}, outcome
            if isinstance(outcome, Verdict):
                models.add(outcome.model)
                statistics, said = metric.judged(record, outcome), outcome.text
            else:
                failed.add(index)
            found[index] = replace(
                record,
                statistics={**record.statistics, name: statistics},
                verdicts={**record.verdicts, name: str(said)},
            )
    return Judging(found, len(failed), _facts(metrics, judge, models))


def _facts(metrics: Mapping[str, JudgedMetric], judge: Judge, models: set[str]) -> dict[str, str]:
    answered = ", ".join(sorted(filter(None, models)))
    facts = {"judge": judge.name, **judge.settings, **({"answered by": answered} if answered else {})}
    return facts | {f"prompt of {name}": metric.template for name, metric in metrics.items()}


def _asked(
    metric: JudgedMetric, records: Sequence[Record], judge: Judge, cache: VerdictCache
) -> Iterator[tuple[int, Outcome]]:
    """Yields the index of each record that the judge is asked about, with a verdict that can be read, or the reason.

    Equal inquiries are asked once. What cannot be read is asked again, as often as the metric says.
    """
    open_inquiries = {index: inquiry for index, record in enumerate(records) if (inquiry := _inquiry(metric, record))}
    for attempt in range(metric.attempts):
        asked = {index: replace(inquiry, attempt=attempt) for index, inquiry in open_inquiries.items()}
        verdicts = _verdicts(dict.fromkeys(asked.values()), judge, cache)
        unread: dict[int, Inquiry] = {}
        for index, inquiry in asked.items():
            outcome = _readable(metric, records[index], verdicts[inquiry])
            if isinstance(verdicts[inquiry], Verdict) and isinstance(outcome, str) and attempt + 1 < metric.attempts:
                unread[index] = inquiry
            else:
                yield index, outcome
        open_inquiries = unread


def _inquiry(metric: JudgedMetric, record: Record) -> Inquiry | None:
    return None if record.prediction.status == "failed" else metric.inquire(record)


def _readable(metric: JudgedMetric, record: Record, outcome: Outcome) -> Outcome:
    if isinstance(outcome, str):
        return outcome
    try:
        metric.judged(record, outcome)
    except SampleError as error:
        return str(error)
    return outcome


def _verdicts(inquiries: Iterable[Inquiry], judge: Judge, cache: VerdictCache) -> dict[Inquiry, Outcome]:
    found: dict[Inquiry, Outcome] = {}
    for inquiry in inquiries:
        known = cache.find(judge.digest, inquiry)
        found[inquiry] = NOT_ASKED if known is None else known
    fresh = [inquiry for inquiry, outcome in found.items() if not isinstance(outcome, Verdict)]
    for inquiry, outcome in _fresh(fresh, judge):
        found[inquiry] = outcome
        if isinstance(outcome, Verdict):
            cache.keep(judge.digest, inquiry, outcome)
    return found


def _fresh(inquiries: Sequence[Inquiry], judge: Judge) -> Iterator[tuple[Inquiry, Outcome]]:
    """Yields verdicts, or reasons, as they come; nothing more of a judge that does nothing but fail."""
    pool = ThreadPoolExecutor(judge.parallel)
    in_a_row = 0
    try:
        waiting = {pool.submit(_ask, judge, inquiry): inquiry for inquiry in inquiries}
        for done in as_completed(waiting):
            outcome = done.result()
            yield waiting[done], outcome
            in_a_row = 0 if isinstance(outcome, Verdict) else in_a_row + 1
            if in_a_row >= GIVE_UP:
                return
    finally:
        # After Ctrl-C too, nobody waits for a hundred thousand inquiries.
        pool.shutdown(cancel_futures=True)


def _ask(judge: Judge, inquiry: Inquiry) -> Outcome:
    try:
        return judge.ask(inquiry)
    except SampleError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a judge may raise anything; it is recorded with the sample
        return f"{type(error).__name__}: {error}"
