"""Writes the leaderboard: one HTML file that needs nothing beside it, or a folder that holds every sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from harness.boards import Board, load_board
from harness.catalog import entries, shipped
from harness.errors import ConfigurationError, nearest
from harness.report.board import board_of_all, make_board
from harness.report.contents import Task, contents
from harness.report.everything import everything
from harness.report.page import render
from harness.report.pictures import Keep, PictureFolder, data_address
from harness.report.runs import Run, load
from harness.report.sheets import slim_sheet, whole_sheet
from harness.store import write_atomically

Format = Literal["single", "folder"]
PAGE = "index.html"
LARGE = 25_000_000


@dataclass(frozen=True)
class ReportSummary:
    """What was written.

    Attributes:
        path: the page.
        bytes: its size; of a folder, the size of everything in it.
        runs: how many runs it compares.
        tasks: how many tasks have a section.
        samples: how many sample cards it shows.
    """

    path: Path
    bytes: int
    runs: int
    tasks: int
    samples: int

    @property
    def large(self) -> bool:
        """Whether the page is so large that mail and previews refuse it."""
        return self.bytes > LARGE and self.path.name != PAGE


def write_leaderboard(
    places: list[Path],
    output: Path,
    *,
    samples_per_task: int = 60,
    board: str | None = None,
    baseline: str | None = None,
    form: Format = "single",
) -> ReportSummary:
    """Writes a page that compares runs, and all its numbers as JSON beside it; the same runs give the same bytes.

    Args:
        places: run folders, or folders that hold runs; may be empty where a board has published scores.
        output: the page to write, or the folder; made when absent.
        samples_per_task: how many samples of a task stand on the page in full.
        board: a shipped board's name, or the path of a board's file; None for all tasks of the runs.
        baseline: the run that others are compared with, by its name; None for none.
        form: one file, or a folder with pictures and masks of all samples beside the page.

    Raises:
        ConfigurationError: a place holds no run, no task is finished, the board or the baseline is unknown, or the page
            cannot be written there.
        DataError: a run's files are damaged.
    """
    layout = load_board(board, entries([shipped("tasks")])) if board else None
    runs = load(places) if places or layout is None else []
    layout = layout or board_of_all(runs)
    label = _baseline(baseline, runs)
    page_file = output / PAGE if form == "folder" else output
    try:
        page_file.parent.mkdir(parents=True, exist_ok=True)
        keep: Keep = PictureFolder(output / "pictures") if form == "folder" else data_address
        tasks = contents(runs, _names(layout, runs), samples_per_task, keep)
        page_board = make_board(layout, runs, tasks, label)
        inside = {} if form == "folder" else {task.key: slim_sheet(task).content for task in tasks}
        if form == "folder":
            _write_sheets(output / "data", tasks)
        write_atomically(page_file, render(runs, tasks, page_board, inside).encode())
        numbers = orjson.dumps(everything(tasks, page_board), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        write_atomically(page_file.with_suffix(".json"), numbers)
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written: {error.strerror}. Name a file in a folder you may write to with -o."
        ) from error
    size = _size(output) if form == "folder" else page_file.stat().st_size
    return ReportSummary(page_file, size, len(runs), len(tasks), sum(len(task.cards) for task in tasks))


def _names(layout: Board, runs: Sequence[Run]) -> list[str]:
    names = list(dict.fromkeys(column.task for column in layout.columns))
    if runs and not any(name in run.results for name in names for run in runs):
        held = ", ".join(sorted({task for run in runs for task in run.results}))
        raise ConfigurationError(
            f"no run has a task of the board {layout.board!r} ({', '.join(names)}). The runs hold {held}. "
            "Leave --board out to see these."
        )
    return names


def _baseline(name: str | None, runs: Sequence[Run]) -> str | None:
    if name is None:
        return None
    labels = {run.label for run in runs}
    by_name = {run.manifest.model: run.label for run in runs} | {run.directory.path.name: run.label for run in runs}
    names = by_name | {label: label for label in labels}
    if name not in names:
        known = ", ".join(sorted(labels))
        raise ConfigurationError(f"no run goes by the name {name!r}.{nearest(name, names)} Known: {known}.")
    return names[name]


def _write_sheets(folder: Path, tasks: Sequence[Task]) -> None:
    """Writes the tasks' samples as scripts, since a page that is opened as a file may load these and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        sheet = whole_sheet(task)
        parts = {task.key: sheet.content} | {f"{task.key}-{i}": masks for i, masks in enumerate(sheet.masks)}
        for name, packed in parts.items():
            (folder / f"{name}.js").write_text(f'geopix.receive("{name}","{packed}")\n', "utf-8")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
