"""Tables and progress bars in the terminal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harness.evaluate import Progress as ProgressCallback
from harness.results import MetricCard, Score, TaskResult

ARROWS = {"higher": "↑", "lower": "↓"}


@contextmanager
def task_progress() -> Iterator[ProgressCallback]:
    """Gives a callback that draws one bar a task on the error stream: count, and time left."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
    )
    bars: dict[str, TaskID] = {}

    def show(task: str, done: int, total: int) -> None:
        if task not in bars:
            bars[task] = bar.add_task(task, total=total)
        bar.update(bars[task], completed=done)

    with bar:
        yield show


def results_table(results: Sequence[TaskResult]) -> Table:
    """Returns the scores of a run as a table: score, 95 % interval, n, and how the samples ended."""
    table = Table(caption="95 % intervals by cluster bootstrap; percent where the metric is a share")
    for heading in ("task", "metric"):
        table.add_column(heading, no_wrap=True)
    for heading in ("score", "95 % interval", "n", "unparsed", "empty", "failed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        counts = (str(result.counts.unparsed), str(result.counts.empty), str(result.counts.failed))
        for index, (card, score) in enumerate(zip(result.metrics, result.scores, strict=True)):
            first = index == 0
            table.add_row(
                Text(result.task if first else ""),
                Text(f"{card.name} {ARROWS[card.direction]}", style="bold" if card.primary else ""),
                show_score(card, score.value),
                show_interval(card, score),
                str(score.n),
                *(counts if first else ("", "", "")),
                end_section=index == len(result.scores) - 1,
            )
    return table


def show_score(card: MetricCard, value: float | None) -> str:
    """Writes a score in its unit, and an undefined one as n/a."""
    if value is None:
        return "n/a"
    return f"{100 * value:.2f}" if card.unit == "percent" else f"{value:.3f}"


def show_interval(card: MetricCard, score: Score) -> str:
    """Writes a score's interval in its unit."""
    if score.low is None or score.high is None:
        return "n/a"
    return f"{show_score(card, score.low)} to {show_score(card, score.high)}"
