"""The table at the top of the page: columns, measured rows best first, published rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite

from harness.boards import Board as Layout
from harness.boards import Column as LayoutColumn
from harness.comparison.ranking import Standing
from harness.errors import GeoPixError
from harness.report.contents import Cell, Row, Task
from harness.report.overlap import score_without
from harness.report.plots import Plot, step_plot
from harness.report.quotes import QuotedRow, find_quotes, quoted_rows
from harness.report.runs import Run, task_names
from harness.report.standings import Delta, Field, Standings, standings
from harness.results import Score


@dataclass(frozen=True)
class Column:
    """A column for which there is a number.

    Attributes:
        key: the column's name in the board's file.
        title: its heading.
        group: the heading above it; empty for none.
        task: the task's section; None where no run finished it.
        row: the metric over the runs; None where no run has it.
        name: the task's name.
    """

    key: str
    title: str
    group: str
    task: Task | None
    row: Row | None
    name: str


@dataclass(frozen=True)
class BoardCell:
    """One run's number in one column.

    Attributes:
        column: the column.
        cell: score and chart; None where the run did not finish the task.
        standing: the tie group; None where there is none.
        delta: the difference from the baseline; None where there is none.
        seen: how many samples the checkpoint has seen in training; None where it does not say.
        unseen: the score over the other samples; None where it has seen none, or they cannot be scored here.
    """

    column: Column
    cell: Cell | None
    standing: Standing | None
    delta: Delta | None
    seen: int | None = None
    unseen: Score | None = None


@dataclass(frozen=True)
class BoardRow:
    """A run's numbers, one a column."""

    run: Run
    cells: tuple[BoardCell, ...]


@dataclass(frozen=True)
class PageBoard:
    """Everything that the first section shows.

    Attributes:
        layout: the board's file.
        columns: the columns that have a number.
        groups: the headings above them with the number of columns each spans; empty where no column has a group.
        without: headings of the columns that no run and no published table fills.
        rows: the runs, best first.
        quoted: published rows, best first.
        standings: what may be said of order.
        steps: scores against training steps.
    """

    layout: Layout
    columns: tuple[Column, ...]
    groups: tuple[tuple[str, int], ...]
    without: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    quoted: tuple[QuotedRow, ...]
    standings: Standings
    steps: tuple[Plot, ...]

    def first_two(self, task: Task) -> list[int]:
        """Returns the numbers of the two runs of a task to show side by side: the baseline and the best other one."""
        order = [row.run for row in self.rows if row.run in task.runs]
        order.sort(key=lambda run: run.label != self.standings.baseline)
        return [task.runs.index(run) for run in order[:2]]


def board_of_all(runs: Sequence[Run]) -> Layout:
    """Returns a board of every task that the runs finished, each by its primary metric."""
    # Task names of runs were checked when they ran, or come from elsewhere: they are shown as they are.
    columns = [
        LayoutColumn.model_construct(task=name, metric=None, title="", group="") for name in task_names(list(runs))
    ]
    return Layout.model_construct(
        board="all", title="Leaderboard", description="", columns=columns, published=[], published_from=None
    )


def make_board(layout: Layout, runs: Sequence[Run], tasks: Sequence[Task], baseline: str | None) -> PageBoard:
    """Returns the board with its statistics.

    Args:
        layout: which columns it has.
        runs: the runs to show.
        tasks: the sections of the tasks that a run finished.
        baseline: the label of the run that others are compared with.
    """
    everything = [_column(column, tasks) for column in layout.columns]
    quotes = find_quotes(layout.published, [column.key for column in everything])
    cited = {key for numbers in quotes.values() for key in numbers}
    filled = {column.key for column in everything if column.row is not None or column.key in cited}
    columns = tuple(column for column in everything if column.key in filled)
    seed = min((run.manifest.seed for run in runs), default=0)
    found = standings(_fields(columns), baseline, seed)
    rows = _best_first([_board_row(run, columns, found) for run in runs])
    groups = [(name, len(list(members))) for name, members in groupby(columns, key=lambda column: column.group)]
    return PageBoard(
        layout=layout,
        columns=columns,
        groups=tuple(groups) if any(name for name, _ in groups) else (),
        without=tuple(column.title for column in everything if column.key not in filled),
        rows=rows,
        quoted=quoted_rows(quotes, [column.key for column in columns]),
        standings=found,
        steps=tuple(plot for column in columns if (plot := _steps(column))),
    )


def _column(column: LayoutColumn, tasks: Sequence[Task]) -> Column:
    task = next((task for task in tasks if task.name == column.task), None)
    row = task.row(column.metric) if task else None
    return Column(column.key, column.title or column.task, column.group, task, row, column.task)


def _fields(columns: Sequence[Column]) -> Iterator[Field]:
    for column in columns:
        if column.task is None or column.row is None:
            continue
        metric = column.row.card.name
        for found in column.task.sets:
            entrants = [one for one in column.task.evidence if one.label in found.runs and metric in one.statistics]
            if len(entrants) > 1:
                yield Field(column.key, metric, tuple(entrants))


def _board_row(run: Run, columns: Sequence[Column], found: Standings) -> BoardRow:
    cells = []
    for column in columns:
        key = (column.key, run.label)
        standing, delta = found.places.get(key), found.deltas.get(key)
        cells.append(BoardCell(column, _cell(run, column), standing, delta, *_seen(run, column)))
    return BoardRow(run, tuple(cells))


def _cell(run: Run, column: Column) -> Cell | None:
    if column.task is None or column.row is None or run not in column.task.runs:
        return None
    return column.row.cells[column.task.runs.index(run)]


def _seen(run: Run, column: Column) -> tuple[int | None, Score | None]:
    if column.task is None or column.row is None or run not in column.task.runs:
        return None, None
    index = column.task.runs.index(run)
    overlap = column.task.overlaps[index]
    if overlap is None or not overlap.seen:
        return (None if overlap is None else 0), None
    try:
        unseen = score_without(overlap.seen, column.task.tables[index], column.row.card, run.manifest.seed)
    except GeoPixError:
        unseen = None  # the metric is not installed here
    return len(overlap.seen), unseen


def _best_first(rows: Sequence[BoardRow]) -> tuple[BoardRow, ...]:
    """Orders rows by their mean rank over the columns; a missing score ranks last."""
    ranks: dict[str, list[int]] = {row.run.label: [] for row in rows}
    for index in range(len(rows[0].cells) if rows else 0):
        values = {row.run.label: _worth(row.cells[index]) for row in rows}
        for label, value in values.items():
            ranks[label].append(sum(other > value for other in values.values()))
    return tuple(sorted(rows, key=lambda row: (sum(ranks[row.run.label]), row.run.label)))


def _worth(cell: BoardCell) -> float:
    score = cell.cell.score if cell.cell else None
    if score is None or score.value is None or cell.column.row is None:
        return float("-inf")
    return score.value if cell.column.row.card.direction == "higher" else -score.value


def _steps(column: Column) -> Plot | None:
    if column.task is None or column.row is None:
        return None
    found = []
    for run, cell in zip(column.task.runs, column.row.cells, strict=True):
        step = _step(run)
        if step is not None and cell.score is not None:
            found.append((run.manifest.settings.get("recipe", "runs with a step"), step, cell.score))
    return step_plot(found, column.row.card, column.name)


def _step(run: Run) -> float | None:
    try:
        step = float(run.manifest.settings.get("step", ""))
    except ValueError:
        return None
    return step if isfinite(step) else None
