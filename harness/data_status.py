"""What the command `data status` prints: a row a task with what is there, what is missing, size, licence, address."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.inventory import State, Stock, Stocktaking
from harness.report.formatting import shorten, visible
from harness.run import catalogue_of, named_tasks

LONGEST = 300
STYLES: dict[State, str] = {
    "as published": "green",
    "there": "green",
    "differs": "yellow",
    "incomplete": "red",
    "missing": "dim",
}


def print_status(data_dir: Path, names: str | None, task_dirs: Sequence[Path]) -> None:
    """Prints what there is of the tasks' data.

    Args:
        data_dir: the folder with the data sets.
        names: the tasks, separated by commas; all where None.
        task_dirs: further folders of task files.

    Raises:
        MissingDataError: the data folder does not exist.
        ConfigurationError: unknown tasks, or task files with mistakes.
    """
    stocktaking = Stocktaking(data_dir)
    catalogue = catalogue_of(tuple(task_dirs))
    wanted = names if names is not None else ",".join(entry.name for entry in catalogue.entries)
    stocks = []
    with Console(stderr=True).status("") as status:
        for task in named_tasks(wanted, catalogue):
            status.update(Text(f"looking at {task.spec.name}"))
            stocks.append(stocktaking.stock(task))
    console = Console()
    console.print(status_table(stocks))
    console.print(Text(summary(stocks, data_dir)), soft_wrap=True)


def status_table(stocks: Sequence[Stock]) -> Table:
    """Returns the table, legible at 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    table.add_column("task", overflow="fold", max_width=26)
    table.add_column("data", overflow="fold", ratio=1)
    table.add_column("size", justify="right", no_wrap=True)
    for stock in stocks:
        table.add_row(Text(stock.task.spec.name), _description(stock), size_text(stock.size), end_section=True)
    return table


def _description(stock: Stock) -> Text:
    """The state, what was found, the licence and the address, a line each."""
    spec, findings = stock.task.spec, list(stock.findings())
    lines = [*findings[1:], f"licence: {spec.licence or 'not stated'}", spec.url or "where to get it is not stated"]
    words = "\n".join(shorten(str(visible(line)), LONGEST) for line in [findings[0], *lines])
    return Text.assemble((f"{stock.state}: ", STYLES[stock.state]), words)


def summary(stocks: Sequence[Stock], data_dir: Path) -> str:
    """Returns how many tasks can be run, in a sentence."""
    ready = sum(stock.state not in ("missing", "incomplete") for stock in stocks)
    return f"{ready} of {len(stocks)} tasks can be run on {data_dir.resolve()}."


def size_text(size: int | None) -> str:
    """Returns a size in decimal units.

    >>> size_text(None), size_text(950), size_text(12_300_000)
    ('-', '950 B', '12.3 MB')
    """
    if size is None:
        return "-"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
