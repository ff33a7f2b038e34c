"""The verdict in a terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.comparison.rows import Row
from harness.comparison.verdict import Verdicts, status
from harness.comparison.wording import MARKS, amount, inline, p_value

STYLES = {"passed": "green", "failed": "bold red", "error": "bold magenta"}


def terminal(verdicts: Verdicts) -> Group:
    """Returns what a terminal shows, legible at 80 columns: a row a check, why some did not pass, and the status."""
    return Group(_table(verdicts), *_lines(verdicts))


def _table(verdicts: Verdicts) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("task", overflow="fold")
    table.add_column("metric", overflow="fold")
    for heading in ("base", "head", "difference, 95 %", "p"):
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("verdict", overflow="fold")
    above = None
    for row in verdicts.rows:
        table.add_row(Text(inline(row.task) if row.task != above else ""), *_cells(row))
        above = row.task
    return table


def _cells(row: Row) -> Iterator[Text]:
    yield Text(inline(row.name))
    yield from map(Text, numbers(row))
    yield Text(f"{MARKS[row.verdict]} {row.verdict}", style=STYLES[row.outcome])


def numbers(row: Row) -> tuple[str, str, str, str]:
    """Returns both scores, the difference with its interval, and the adjusted p-value, n/a where unknown."""
    found, card = row.difference, row.card
    if card is None:
        return ("n/a",) * 4
    if found is None:
        return "n/a", amount(card, row.head.value if row.head else None), "n/a", "n/a"
    difference = amount(card, found.value, signed=True)
    if found.low is not None and found.high is not None:
        difference += f" [{amount(card, found.low, signed=True)}, {amount(card, found.high, signed=True)}]"
    return amount(card, found.base), amount(card, found.head), difference, p_value(row.p_value)


def _lines(verdicts: Verdicts) -> Iterator[Text]:
    for row in verdicts.rows:
        for reason in row.reasons:
            style = "dim" if row.outcome == "passed" else STYLES[row.outcome]
            yield Text(f"{inline(row.task)}: {inline(reason, 2000)}", style=style)
    yield Text(f"BASE {inline(verdicts.base.label)}   HEAD {inline(verdicts.head.label)}", style="dim")
    yield Text(status(verdicts.rows), style="bold red" if verdicts.exit_code else "bold green")
