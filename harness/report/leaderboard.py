"""Writes the leaderboard: one HTML file that needs nothing beside it."""

from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigurationError
from harness.report.contents import contents
from harness.report.page import render
from harness.report.runs import load
from harness.store import write_atomically


@dataclass(frozen=True)
class ReportSummary:
    """What was written.

    Attributes:
        path: the page.
        bytes: its size.
        runs: how many runs it compares.
        tasks: how many tasks have a section.
        samples: how many sample cards it shows.
    """

    path: Path
    bytes: int
    runs: int
    tasks: int
    samples: int


def write_leaderboard(places: list[Path], output: Path, *, samples_per_task: int = 60) -> ReportSummary:
    """Writes one self-contained HTML page that compares runs; the same runs give the same bytes.

    Args:
        places: run folders, or folders that hold runs.
        output: the page to write; its folder is made when absent.
        samples_per_task: how many sample cards a task gets.

    Raises:
        ConfigurationError: a place holds no run, no task is finished, or the page cannot be written there.
        DataError: a run's files are damaged.
    """
    runs = load(places)
    tasks = contents(runs, samples_per_task)
    page = render(runs, tasks).encode()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, page)
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written: {error.strerror}. Name a file in a folder you may write to with -o."
        ) from error
    return ReportSummary(output, len(page), len(runs), len(tasks), sum(len(task.cards) for task in tasks))
