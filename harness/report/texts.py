"""The board as text to paste elsewhere."""

from collections.abc import Sequence

from harness.report.board import BoardCell, BoardRow, Column
from harness.report.exports import TextTable, csv_text, latex, markdown
from harness.report.formatting import interval, number
from harness.report.runs import Run


def as_texts(columns: Sequence[Column], rows: Sequence[BoardRow]) -> dict[str, str]:
    """Returns the board as Markdown and LaTeX, and every number of it as CSV."""
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
