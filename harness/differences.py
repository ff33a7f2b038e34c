"""What differs between two runs: settings, versions, digests, scores, and the samples whose outcome flipped.

This says what is, without a verdict: whether a difference is more than chance is another question.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from harness.records import Record
from harness.report.samples import sample_score, yes_or_no
from harness.results import MetricCard, RunManifest, Score, TaskResult

# What a score is right from, where it is a share and not a yes or no.
HALF = 0.5
UNSEEN = "absent"
DIGESTS = ("version", "task_digest", "data_digest", "prompt_digest", "images_digest", "limit", "cluster")


@dataclass(frozen=True)
class Change:
    """One value that differs.

    Attributes:
        name: what it is.
        before, after: the value in the first and in the second run, in words.
    """

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class ScoreChange:
    """One metric's score in two runs.

    Attributes:
        card: what the metric is, from the first run that has it.
        before, after: its scores; None where a run does not have the metric.
    """

    card: MetricCard
    before: Score | None
    after: Score | None

    @property
    def difference(self) -> float | None:
        """The second value less the first; None where either is undefined."""
        if self.before is None or self.after is None or self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value


@dataclass(frozen=True)
class Flip:
    """A sample that ended otherwise.

    Attributes:
        sample_id: the sample.
        kind: `status`: ok, unparsed, empty or failed changed; `better` and `worse`: its score in the primary metric
            crossed one half, which for yes-or-no scores means from wrong to right and back.
        before, after: status and score in words.
    """

    sample_id: str
    kind: Literal["status", "better", "worse"]
    before: str
    after: str


@dataclass(frozen=True)
class SampleChanges:
    """What became of the samples of a task.

    Attributes:
        shared: how many samples both runs have.
        only_before, only_after: the ids of those that one run has alone.
        flips: the samples whose status or primary score flipped, in the first run's order.
        moved: how many others have other statistics of the primary metric.
    """

    shared: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    flips: tuple[Flip, ...]
    moved: int


def manifest_changes(before: RunManifest, after: RunManifest) -> Iterator[Change]:
    """Yields what differs in who answered, with what, and when; inner keys with a dot."""
    for field in fields(RunManifest):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if isinstance(one, Mapping):
            yield from _inner_changes(field.name, one, other)
        elif one != other:
            yield Change(field.name, _words(one), _words(other))


def _inner_changes(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key, UNSEEN), after.get(key, UNSEEN)
        if one != other:
            yield Change(f"{name}.{key}", _words(one), _words(other))


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "none" if value is None else str(value)


def result_changes(before: TaskResult, after: TaskResult) -> Iterator[Change]:
    """Yields what differs in a task's version, digests, metrics' options and counts."""
    for name in DIGESTS:
        one, other = getattr(before, name), getattr(after, name)
        if one != other:
            yield Change(name, _words(one), _words(other))
    yield from _judging(before, after)
    cards = {card.name: card for card in after.metrics}
    for card in before.metrics:
        other = cards.get(card.name)
        if other is not None and other != card:
            yield Change(f"metric {card.name}", _convention(card), _convention(other))
    for status in ("ok", "unparsed", "empty", "failed"):
        one, other = getattr(before.counts, status), getattr(after.counts, status)
        if one != other:
            yield Change(status, f"{one:,}", f"{other:,}")


def _judging(before: TaskResult, after: TaskResult) -> Iterator[Change]:
    """Yields what differs in who judged, and with what prompts."""
    for name in sorted({*before.judging, *after.judging}):
        one, other = before.judging.get(name), after.judging.get(name)
        if one != other:
            yield Change(f"judging: {name}", _words(one), _words(other))


def _convention(card: MetricCard) -> str:
    options = ", ".join(f"{name}={value}" for name, value in card.options.items())
    return f"{card.metric} ({options})" if options else card.metric


def score_changes(before: TaskResult, after: TaskResult) -> tuple[ScoreChange, ...]:
    """Returns every metric of either run, in the first run's order, with both scores."""
    cards = {card.name: card for card in (*after.metrics, *before.metrics)}
    names = dict.fromkeys(score.name for score in (*before.scores, *after.scores))
    old = {score.name: score for score in before.scores}
    new = {score.name: score for score in after.scores}
    return tuple(ScoreChange(cards[name], old.get(name), new.get(name)) for name in names)


def sample_changes(before: Sequence[Record], after: Sequence[Record], metric: str) -> SampleChanges:
    """Returns what became of the samples.

    Args:
        before: the first run's records of a task.
        after: the second run's.
        metric: the name of the primary metric in both.
    """
    old = {record.sample_id: record for record in before}
    new = {record.sample_id: record for record in after}
    shared = [sample for sample in old if sample in new]
    found = {sample: _flip(old[sample], new[sample], metric) for sample in shared}
    flips = tuple(flip for flip in found.values() if flip is not None)
    moved = sum(
        flip is None and old[sample].statistics.get(metric) != new[sample].statistics.get(metric)
        for sample, flip in found.items()
    )
    return SampleChanges(
        shared=len(shared),
        only_before=tuple(sample for sample in old if sample not in new),
        only_after=tuple(sample for sample in new if sample not in old),
        flips=flips,
        moved=moved,
    )


def _score(record: Record, metric: str) -> float | None:
    return sample_score(record.statistics.get(metric, {}))


def _flip(before: Record, after: Record, metric: str) -> Flip | None:
    one, other = _score(before, metric), _score(after, metric)
    words = _outcome(before, metric, one), _outcome(after, metric, other)
    if before.prediction.status != after.prediction.status:
        return Flip(before.sample_id, "status", *words)
    if one is None or other is None or (one >= HALF) == (other >= HALF):
        return None
    return Flip(before.sample_id, "better" if other > one else "worse", *words)


def _outcome(record: Record, metric: str, score: float | None) -> str:
    """The status where it is not ok, and the score: right, wrong, or a share in percent."""
    status = record.prediction.status
    if score is None:
        return status
    right_or_wrong = yes_or_no(record.statistics[metric])
    words = ("right" if score >= HALF else "wrong") if right_or_wrong else f"{100 * score:.1f}"
    return words if status == "ok" else f"{status}, {words}"
