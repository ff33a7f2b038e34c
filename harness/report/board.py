"""The table at the top of the page: columns, measured rows best first, published rows, and the same as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.boards import Board as Layout
from harness.boards import Column as LayoutColumn
from harness.boards import Printed, Published
from harness.comparison.ranking import Standing
from harness.report.contents import Cell, Row, Task
from harness.report.exports import TextTable, csv_text, latex, markdown
from harness.report.formatting import fixed, interval, number
from harness.report.plots import Plot, step_plot
from harness.report.runs import Run, task_names
from harness.report.standings import Delta, Field, Standings, standings


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
    """

    column: Column
    cell: Cell | None
    standing: Standing | None
    delta: Delta | None


@dataclass(frozen=True)
class BoardRow:
    """A run's numbers, one a column."""

    run: Run
    cells: tuple[BoardCell, ...]


@dataclass(frozen=True)
class Quote:
    """A published number in a column of the board.

    Attributes:
        text: the number as printed.
        value: the number.
        table: which published table, counted from 1.
        caution: why it is grey; empty where it is not.
    """

    text: str
    value: float
    table: int
    caution: str


@dataclass(frozen=True)
class QuotedRow:
    """A model's published numbers, one a column; None where there is none."""

    model: str
    quotes: tuple[Quote | None, ...]


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
        texts: the board as Markdown, LaTeX and CSV.
    """

    layout: Layout
    columns: tuple[Column, ...]
    groups: tuple[tuple[str, int], ...]
    without: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    quoted: tuple[QuotedRow, ...]
    standings: Standings
    steps: tuple[Plot, ...]
    texts: Mapping[str, str]


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
    quoted = _quoted(layout.published, everything)
    cited = {key for quotes in quoted.values() for key in quotes}
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
        quoted=_quoted_rows(quoted, columns),
        standings=found,
        steps=tuple(plot for column in columns if (plot := _steps(column))),
        texts=_texts(columns, rows),
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
            members = [run for run in column.task.runs if run.label in found.runs]
            having = [run for run in members if any(s.name == metric for s in run.results[column.name].scores)]
            if len(having) > 1:
                yield Field(column.key, metric, tuple(column.task.evidence(run) for run in having))


def _board_row(run: Run, columns: Sequence[Column], found: Standings) -> BoardRow:
    cells = []
    for column in columns:
        key = (column.key, run.label)
        cells.append(BoardCell(column, _cell(run, column), found.places.get(key), found.deltas.get(key)))
    return BoardRow(run, tuple(cells))


def _cell(run: Run, column: Column) -> Cell | None:
    if column.task is None or column.row is None or run not in column.task.runs:
        return None
    return column.row.cells[column.task.runs.index(run)]


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


def _quoted(tables: Sequence[Published], columns: Sequence[Column]) -> dict[str, dict[str, Quote]]:
    """Published numbers by model and column; of two for the same place, one without a caution, or the first."""
    keys = {column.key for column in columns}
    found: dict[str, dict[str, Quote]] = {}
    for number_of_table, table in enumerate(tables, 1):
        for heading, key in table.fills.items():
            index = table.columns.index(heading)
            places = decimals(row[index] for row in table.rows.values())
            for model, numbers in table.rows.items():
                value, taken = numbers[index], found.setdefault(model, {})
                if value is None or key not in keys or (key in taken and (table.caution or not taken[key].caution)):
                    continue
                taken[key] = Quote(fixed(value, places), float(value), number_of_table, table.caution)
    return {model: quotes for model, quotes in found.items() if quotes}


def decimals(values: Iterable[Printed | None]) -> int:
    """Returns how many decimals a column of printed numbers needs.

    >>> decimals([50.0, 9.07, None]), decimals(["24.0"])
    (2, 1)
    """
    texts = (value if isinstance(value, str) else f"{value:.12g}" for value in values if value is not None)
    return max((len(text.partition(".")[2]) for text in texts), default=0)


def _quoted_rows(quoted: Mapping[str, Mapping[str, Quote]], columns: Sequence[Column]) -> tuple[QuotedRow, ...]:
    rows = [QuotedRow(model, tuple(quotes.get(column.key) for column in columns)) for model, quotes in quoted.items()]
    return tuple(sorted(rows, key=lambda row: (_mean_rank(row, rows), row.model)))


def _mean_rank(row: QuotedRow, rows: Sequence[QuotedRow]) -> float:
    """The mean share of published models that are better, over the columns in which a model has a number."""
    shares = []
    for index, quote in enumerate(row.quotes):
        if quote is not None:
            others = [other.quotes[index] for other in rows]
            values = [other.value for other in others if other is not None]
            shares.append(sum(value > quote.value for value in values) / len(values))
    return sum(shares) / len(shares)


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
        return float(run.manifest.settings.get("step", ""))
    except ValueError:
        return None


def _texts(columns: Sequence[Column], rows: Sequence[BoardRow]) -> dict[str, str]:
    headings = ("model", *(_heading(column) for column in columns))
    wide = TextTable(headings, tuple((row.run.label, *(_short(cell) for cell in row.cells)) for row in rows))
    long = TextTable(
        ("model", "task", "metric", "value", "low", "high", "n", "clusters", "unparsed", "empty", "failed", "tie group",
         "difference", "difference low", "difference high", "p (Holm)"),
        tuple(_long(row.run, cell) for row in rows for cell in row.cells if cell.cell and cell.cell.score),
    )  # fmt: skip
    return {"Markdown": markdown(wide), "LaTeX": latex(wide), "CSV": csv_text(long)}


def _heading(column: Column) -> str:
    if column.row is None:
        return column.title
    arrow = "↑" if column.row.card.direction == "higher" else "↓"
    return f"{column.title} {column.row.card.name} {arrow}"


def _short(cell: BoardCell) -> str:
    if cell.cell is None or cell.cell.score is None or cell.column.row is None:
        return "–"
    unit = cell.column.row.card.unit
    parts = [number(cell.cell.score.value, unit), interval(cell.cell.score, unit)]
    if cell.standing and cell.standing.rank:
        parts.append(f"({cell.standing.rank.replace('-', '–')})")
    if cell.delta:
        parts.append(cell.delta.mark)
    return " ".join(parts)


def _long(run: Run, cell: BoardCell) -> tuple[str, ...]:
    score = cell.cell.score if cell.cell else None
    if score is None or cell.column.task is None or cell.column.row is None:
        return ()
    counts = cell.column.task.counts(run)
    difference = cell.delta.difference if cell.delta else None
    numbers = (score.value, score.low, score.high)
    differences = (difference.value, difference.low, difference.high) if difference else (None, None, None)
    return (
        run.label,
        cell.column.name,
        cell.column.row.card.name,
        *map(_exact, numbers),
        *map(str, (score.n, score.clusters, counts.unparsed, counts.empty, counts.failed)),
        (cell.standing.rank or "") if cell.standing else "",
        *map(_exact, differences),
        _exact(cell.delta.p_value if cell.delta else None),
    )


def _exact(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
