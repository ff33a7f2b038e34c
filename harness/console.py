"""Tables and progress bars in the terminal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harness.processes.shards import ALONE, Shard
from harness.results import MetricCard, Score, TaskResult
from harness.settings import Progress as ProgressCallback

ARROWS = {"higher": "↑", "lower": "↓"}


@contextmanager
def task_progress(shard: Shard = ALONE) -> Iterator[ProgressCallback]:
    """Gives a callback that draws one bar a task on the error stream: count, and time left.

    Of several processes the first draws its own share, which is as long as the others', and the others draw nothing.
    """
    if not shard.first:
        yield lambda task, done, total: None
        return
    share = "" if shard.alone else f", share 1 of {shard.count}"
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
            bars[task] = bar.add_task(f"{task}{share}", total=total)
        bar.update(bars[task], completed=done)

    with bar:
        yield show


def results_summary(results: Sequence[TaskResult]) -> Group:
    """Returns what a terminal shows of a run, legible at 80 columns: scores, how the samples ended, what is n/a."""
    lines = [Text(line, style="dim") for result in results for line in _remarks(result)]
    return Group(results_table(results), *lines)


def results_table(results: Sequence[TaskResult]) -> Table:
    """Returns the scores of a run as a table: score, 95 % interval, and how many samples they are made of."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("task", overflow="fold")
    table.add_column("metric", overflow="fold")
    for heading in ("score", "95 % interval", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        for index, (card, score) in enumerate(zip(result.metrics, result.scores, strict=True)):
            table.add_row(
                Text(result.task if index == 0 else ""),
                Text(f"{card.name} {ARROWS[card.direction]}", style="bold" if card.primary else ""),
                show_score(card, score.value),
                show_interval(card, score),
                str(score.n),
                end_section=index == len(result.scores) - 1,
            )
    return table


def _remarks(result: TaskResult) -> Iterator[str]:
    counts = result.counts
    yield (
        f"{result.task}: {counts.total} samples: {counts.ok} ok, {counts.unparsed} unparsed, {counts.empty} empty, "
        f"{counts.failed} failed"
    )
    if used := _used(result):
        yield f"{result.task}: {used}"
    for score in result.scores:
        if score.reason:
            missing = "n/a" if score.value is None else "no interval"
            yield f"{result.task}: {score.name}: {missing} because {score.reason}"


def _used(result: TaskResult) -> str:
    """What the answers took, where the model counts what it is sent, and how many were given to another run."""
    parts = []
    if result.prompt_tokens is not None:
        parts.append(f"{result.prompt_tokens:,} tokens in, {result.tokens or 0:,} out")
    if result.cost is not None:
        parts.append(f"cost {result.cost:,.4f}")
    if result.cached:
        parts.append(f"{result.cached} answers from the cache")
    return "; ".join(parts)


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
