"""What stands on the page, computed before any HTML is written."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.comparison.evidence import Evidence
from harness.records import Record
from harness.report.cards import Answers, Card, make_cards
from harness.report.chart import Dot, Scale, scale
from harness.report.duels import Duel, duels
from harness.report.gaps import Gap, gaps
from harness.report.overlap import Overlap, find_overlap, fingerprints
from harness.report.pictures import Album, Keep, Picture
from harness.report.plots import Plot, size_plot
from harness.report.runs import Run, Set, comparable_sets, differences
from harness.report.samples import Scores, choose, sample_scores
from harness.results import Counts, MetricCard, Score, Slice, TaskResult

FEW = 30
REASONS = 20


@dataclass(frozen=True)
class Cell:
    """One run's score.

    Attributes:
        score: the score; None where the run does not have it.
        dot: where it lies on the chart.
        best: whether no comparable run has a better value, given enough samples; says nothing of significance.
    """

    score: Score | None
    dot: Dot | None = None
    best: bool = False

    @property
    def few(self) -> bool:
        """Whether there are too few samples to read much into the score."""
        return self.score is not None and 0 < self.score.n < FEW


@dataclass(frozen=True)
class Row:
    """One metric, or one slice of it, over the runs.

    Attributes:
        name: the metric's name or the tag's value.
        card: what the metric is.
        cells: one a run, in the runs' order.
        scale: the range of values that the charts span.
    """

    name: str
    card: MetricCard
    cells: tuple[Cell, ...]
    scale: Scale


@dataclass(frozen=True)
class SliceTable:
    """One metric by the values of a tag."""

    tag: str
    card: MetricCard
    rows: tuple[Row, ...]

    @property
    def few(self) -> bool:
        """Whether some score has too few samples to read much into it."""
        return any(cell.few for row in self.rows for cell in row.cells)


@dataclass(frozen=True)
class Reason:
    """Why samples of one run are not ok.

    Attributes:
        run: the run's label.
        status: how they ended.
        text: the first such reason, word for word.
        count: how many samples ended for this reason, or for one that differs in numbers only.
    """

    run: str
    status: str
    text: str
    count: int


@dataclass(frozen=True)
class Task:
    """A task's section.

    Attributes:
        key: its element id on the page.
        name: the task's name.
        result: the first run's result: title, paper and the like.
        runs: the runs that finished it.
        sets: the runs grouped by what makes scores comparable.
        differences: what differs between the sets, in words; empty when there is one set.
        metrics: one row a metric, the primary one first.
        slices: one table a tag and metric, the primary metric's first.
        gaps: why scores or intervals are n/a.
        reasons: why samples are not ok, the commonest first.
        more_reasons: how many kinds of reason are left out.
        cards: sample cards.
        pictures: the pictures that the cards show.
        records: how many samples there are.
        tables: each run's records by sample id.
        scores: each run's sample scores by the primary metric, by sample id.
        duels: how often each run is better than each other one.
        sizes: the score against the size of the true mask; None where the task has no masks.
        album: where the pictures come from.
        overlaps: for each run, which samples its checkpoint has seen in training; None where it does not say.
    """

    key: str
    name: str
    result: TaskResult
    runs: tuple[Run, ...]
    sets: tuple[Set, ...]
    differences: str
    metrics: tuple[Row, ...]
    slices: tuple[SliceTable, ...]
    gaps: tuple[Gap, ...]
    reasons: tuple[Reason, ...]
    more_reasons: int
    cards: tuple[Card, ...]
    pictures: tuple[Picture, ...]
    records: int
    tables: tuple[Mapping[str, Record], ...]
    scores: tuple[Scores, ...]
    duels: tuple[Duel, ...]
    sizes: Plot | None
    album: Album
    overlaps: tuple[Overlap | None, ...]

    @property
    def primary(self) -> Row:
        """The headline metric over the runs."""
        return self.metrics[0]

    def row(self, metric: str | None) -> Row | None:
        """Returns a metric over the runs, the headline metric for None; None where no run has it."""
        if metric is None:
            return self.primary
        return next((row for row in self.metrics if row.card.name == metric), None)

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """What a comparison needs of each run."""
        return tuple(
            Evidence.of_records(run.label, run.results[self.name], table.values())
            for run, table in zip(self.runs, self.tables, strict=True)
        )

    def duel(self, run: Run, other: Run) -> Duel | None:
        """Returns how one run does against another; None where they cannot be compared."""
        return next((duel for duel in self.duels if (duel.run, duel.other) == (run.label, other.label)), None)

    def letter(self, run: Run) -> str:
        """Returns the letter of a run's set; empty where all runs are comparable."""
        return next(found.letter for found in self.sets if run.label in found.runs)

    def counts(self, run: Run) -> Counts:
        """Returns how a run's samples ended."""
        return run.results[self.name].counts


def contents(runs: list[Run], names: Sequence[str], samples: int, keep: Keep) -> list[Task]:
    """Returns the sections of tasks.

    Args:
        runs: the runs to show.
        names: the tasks, in the page's order; those that no run finished are left out.
        samples: how many sample cards a task gets.
        keep: where pictures are kept.

    Raises:
        DataError: a run's records are damaged.
    """
    finished = [name for name in names if any(name in run.results for run in runs)]
    return [_task(f"task-{index}", name, runs, samples, keep) for index, name in enumerate(finished, 1)]


def _task(key: str, name: str, everyone: list[Run], samples: int, keep: Keep) -> Task:
    runs = [run for run in everyone if name in run.results]
    results = [run.results[name] for run in runs]
    sets = comparable_sets(name, runs)
    tables = [{record.sample_id: record for record in run.directory.records(name)} for run in runs]
    metrics = _metrics(results, comparable=len(sets) == 1)
    headline = metrics[0].card
    scores = [sample_scores(table, headline) for table in tables]
    album = Album(f"{key}-picture", name, runs, keep)
    sign = 1 if headline.direction == "higher" else -1
    ordered = [{name: None if v is None else sign * v for name, v in found.items()} for found in scores]
    answers = [Answers(*found) for found in zip(runs, tables, scores, strict=True)]
    cards = make_cards(choose(tables, ordered, samples), answers, headline, album)
    reasons = _reasons(runs, tables)
    return Task(
        key=key,
        name=name,
        result=results[0],
        runs=tuple(runs),
        sets=tuple(sets),
        differences=differences(sets),
        metrics=metrics,
        slices=_slices(results, metrics, comparable=len(sets) == 1),
        gaps=gaps(runs, results),
        reasons=tuple(reasons[:REASONS]),
        more_reasons=max(0, len(reasons) - REASONS),
        cards=cards,
        pictures=tuple(album.pictures),
        records=len({sample for table in tables for sample in table}),
        tables=tuple(tables),
        scores=tuple(scores),
        duels=duels(runs, sets, ordered),
        sizes=size_plot(runs, tables, scores, headline),
        album=album,
        overlaps=tuple(_overlap(run, table) for run, table in zip(runs, tables, strict=True)),
    )


def _overlap(run: Run, table: Mapping[str, Record]) -> Overlap | None:
    known = fingerprints(run.manifest)
    return None if known is None else find_overlap(known, Path(run.manifest.data_dir), table.values())


def _metrics(results: Sequence[TaskResult], comparable: bool) -> tuple[Row, ...]:
    cards = {card.name: card for result in results for card in reversed(result.metrics)}
    headline = results[0].primary.name
    names = [headline, *(card.name for card in results[0].metrics if card.name != headline)]
    names += [name for name in cards if name not in names]
    return tuple(row(name, cards[name], [result.scores for result in results], comparable) for name in names)


def row(name: str, card: MetricCard, scores: Sequence[Iterable[Score]], comparable: bool) -> Row:
    """Returns a metric over the runs.

    Args:
        name: what the row is called.
        card: the metric.
        scores: each run's scores, of which the metric's is taken.
        comparable: whether a best value may be named.
    """
    found = [next((score for score in mine if score.name == card.name), None) for mine in scores]
    known = [score for score in found if score is not None]
    spread = scale(known, card.unit)
    best = _best(known, card) if comparable else None
    cells = [
        Cell(score, spread.dot(score), best is not None and score.value == best) if score else Cell(None)
        for score in found
    ]
    return Row(name, card, tuple(cells), spread)


def _best(scores: Sequence[Score], card: MetricCard) -> float | None:
    values = [score.value for score in scores if score.value is not None and score.n >= FEW]
    if len(values) < 2:
        return None
    return max(values) if card.direction == "higher" else min(values)


def _slices(results: Sequence[TaskResult], metrics: Sequence[Row], comparable: bool) -> tuple[SliceTable, ...]:
    tags = dict.fromkeys(found.tag for result in results for found in result.slices)
    return tuple(_slice_table(tag, metric.card, results, comparable) for metric in metrics for tag in tags)


def _slice_table(tag: str, card: MetricCard, results: Sequence[TaskResult], comparable: bool) -> SliceTable:
    values = dict.fromkeys(found.value for result in results for found in result.slices if found.tag == tag)
    rows = [
        row(value, card, [_slice_scores(result.slices, tag, value) for result in results], comparable)
        for value in values
    ]
    return SliceTable(tag, card, tuple(rows))


def _slice_scores(slices: Iterable[Slice], tag: str, value: str) -> tuple[Score, ...]:
    return next((found.scores for found in slices if found.tag == tag and found.value == value), ())


def _reasons(runs: Sequence[Run], tables: Sequence[dict[str, Record]]) -> list[Reason]:
    found = []
    for run, table in zip(runs, tables, strict=True):
        groups: dict[tuple[str, str], list[str]] = {}
        for record in table.values():
            if record.prediction.status != "ok":
                reason = record.prediction.reason or "no reason recorded"
                groups.setdefault((record.prediction.status, re.sub(r"\d+", "#", reason)), []).append(reason)
        found += [Reason(run.label, status, texts[0], len(texts)) for (status, _), texts in groups.items()]
    return sorted(found, key=lambda reason: (-reason.count, reason.run, reason.status, reason.text))
