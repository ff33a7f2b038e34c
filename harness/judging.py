"""Asks the judge about a task's answers, when all of them are there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from math import isfinite

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


class Unread(str):
    """Why what a judge said cannot be read."""


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


@dataclass(frozen=True)
class Hearing:
    """A judge, with what it has said of a task so far.

    Attributes:
        judge: whom to ask.
        cache: what was said in earlier runs, too, as far as it could be read.
        said: all that was said in this one; several metrics may ask the same.
    """

    judge: Judge
    cache: VerdictCache
    said: dict[Inquiry, Verdict] = field(default_factory=dict)

    def outcomes(self, metric: JudgedMetric, about: Mapping[Inquiry, Record]) -> dict[Inquiry, Outcome]:
        """Returns a verdict that a metric can read, or the reason why there is none, for each inquiry.

        Args:
            metric: the metric.
            about: its inquiries, each with a record that it is about.
        """
        found: dict[Inquiry, Outcome] = {}
        for inquiry, record in about.items():
            known = self.said.get(inquiry) or self.cache.find(self.judge.digest, inquiry)
            found[inquiry] = NOT_ASKED if known is None else _read(metric, record, known)
        fresh = [inquiry for inquiry, outcome in found.items() if outcome == NOT_ASKED]
        for inquiry, heard in _fresh(fresh, self.judge):
            outcome = found[inquiry] = _read(metric, about[inquiry], heard) if isinstance(heard, Verdict) else heard
            if isinstance(heard, Verdict):
                self.said[inquiry] = heard
            if isinstance(outcome, Verdict):
                self.cache.keep(self.judge.digest, inquiry, outcome)
        return found


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
    hearing = Hearing(judge, cache)
    for name, metric in metrics.items():
        for index, outcome in _asked(metric, records, hearing):
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


def _asked(metric: JudgedMetric, records: Sequence[Record], hearing: "Hearing") -> Iterator[tuple[int, Outcome]]:
    """Yields the index of each record that the judge is asked about, with a verdict that can be read, or the reason.

    Equal inquiries are asked once. What cannot be read is asked again, as often as the metric says.
    """
    waiting = {index: inquiry for index, record in enumerate(records) if (inquiry := _inquiry(metric, record))}
    for attempt in range(metric.attempts):
        asked = {index: replace(inquiry, attempt=attempt) for index, inquiry in waiting.items()}
        about = {inquiry: records[index] for index, inquiry in asked.items()}
        outcomes = hearing.outcomes(metric, about)
        last = attempt + 1 == metric.attempts
        waiting = {i: inquiry for i, inquiry in asked.items() if isinstance(outcomes[inquiry], Unread) and not last}
        yield from ((index, outcomes[inquiry]) for index, inquiry in asked.items() if index not in waiting)


def _inquiry(metric: JudgedMetric, record: Record) -> Inquiry | None:
    return None if record.prediction.status == "failed" else metric.inquire(record)


def _read(metric: JudgedMetric, record: Record, verdict: Verdict) -> Outcome:
    try:
        statistics = metric.judged(record, verdict)
    except SampleError as error:
        return Unread(str(error))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it is recorded with the sample
        return Unread(f"{type(error).__name__}: {error}")
    return verdict if all(map(isfinite, statistics.values())) else Unread(f"the metric gives {statistics}")


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
