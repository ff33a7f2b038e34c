"""What the command `cache` prints and does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cache.choice import switch, usual_cache
from harness.cache.responses import ResponseCache, Stock
from harness.data_status import size_text
from harness.errors import EnvironmentProblem
from harness.report.formatting import visible


def turn_cache(*, on: bool) -> None:
    """Lets later runs use the usual cache, or none, and says so.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    place = switch()
    try:
        if on:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.touch()
        else:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{place.parent} cannot be written: {error.strerror}.") from error
    Console().print(Text(_state()), soft_wrap=True)


def _state() -> str:
    if switch().exists():
        return f"Runs share answers through {usual_cache()}; --cache off leaves one out."
    return f"Runs share no answers; --cache on lets one use {usual_cache()}, and `geopix-eval cache on` all."


def print_cache(file: Path | None) -> None:
    """Prints where the cache is, whether runs use it, and what it holds of each model."""
    path, console = file or usual_cache(), Console()
    console.print(Text(_state()), soft_wrap=True)
    stocks = _stock(path)
    if not stocks:
        console.print(Text(f"{path} holds no answers."), soft_wrap=True)
        return
    console.print(_table(stocks))
    entries, size = sum(stock.entries for stock in stocks), sum(stock.size for stock in stocks)
    console.print(Text(f"{path}: {entries} answers, {size_text(size)}."), soft_wrap=True)


def _stock(path: Path) -> list[Stock]:
    if not path.exists():
        return []
    with ResponseCache(path, _tell) as cache:
        return cache.stock()


def _tell(words: str) -> None:
    Console(stderr=True).print(Text(words, style="yellow"), soft_wrap=True)


def _table(stocks: list[Stock]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("model", overflow="fold")
    table.add_column("digest", no_wrap=True)
    for heading in ("answers", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("kept", no_wrap=True)
    for stock in stocks:
        days = " to ".join(dict.fromkeys((stock.first[:10], stock.last[:10])))
        cells = (str(visible(stock.model)), stock.digest[:12], str(stock.entries), size_text(stock.size), days)
        table.add_row(*map(Text, cells))
    return table


def prune_cache(file: Path | None, days: float | None, model: str | None) -> None:
    """Takes answers out of the cache and says how many.

    Args:
        file: the cache's file; the usual one where None.
        days: only answers that are older.
        model: only those of the model of this name or digest.
    """
    path, gone = file or usual_cache(), 0
    if path.exists():
        before = None if days is None else (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
        with ResponseCache(path, _tell) as cache:
            gone = cache.prune(before, model)
    Console().print(Text(f"{path}: {gone} answers taken away."), soft_wrap=True)
