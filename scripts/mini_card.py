"""Prints the score table of geopix-mini's card from finished runs.

    python scripts/mini_card.py geopix-mini=runs/mini "images blank=runs/blank" "constant=runs/constant"

Every cell is a score with its 95 % interval as `geopix-eval` wrote it into the run; nothing is computed here.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.results import Score, TaskResult
from harness.store import RESULT_FILE, RunDirectory


@dataclass(frozen=True)
class Row:
    """One row of the card: a score of a task, or of the samples with some tag.

    Attributes:
        words: what the row is called.
        task: the task.
        score: the score's name.
        tag: a tag and its value where the row is about part of the samples.
        percent: whether it is printed times 100.
    """

    words: str
    task: str
    score: str
    tag: tuple[str, str] | None = None
    percent: bool = True


QUESTIONS = ("presence", "comp", "count", "area")
MULTI = {part: f"geopixinstruct_{part}_t_multi" for part in ("sior", "fast", "sota")}
ROWS = (
    Row("RSVQA OA", "rsvqa_hr", "oa"),
    *(Row(f"- {kind}", "rsvqa_hr", "oa", ("type", kind)) for kind in QUESTIONS),
    Row("referring, one target: mIoU", "rrsis", "miou"),
    Row("- oIoU", "rrsis", "oiou"),
    Row("- P@0.5", "rrsis", "p50"),
    *(Row(f"several targets: gIoU ({part.upper()}-T)", task, "giou") for part, task in MULTI.items()),
    Row("reasoning: gIoU", "earthreason", "giou"),
    Row("- target there", "earthreason", "giou", ("empty", "no")),
    Row("- target absent: recognised", "earthreason", "giou", ("empty", "yes")),
    Row("grounding: Acc@0.5", "dior_rsvg", "pr50"),
    Row("scenes: accuracy", "aid", "oa"),
    Row("caption: CIDEr", "rsicd", "cider", percent=False),
)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER", help="A column's name and its run.")
    chosen = [text.partition("=") for text in parser.parse_args().runs]
    columns = {name: results(Path(folder)) for name, _, folder in chosen}
    print("\n".join(table(columns)))


def results(folder: Path) -> dict[str, TaskResult]:
    """Returns a run's finished tasks by name."""
    run = RunDirectory(folder)
    tasks = sorted({row.task for row in ROWS})
    return {task: run.result(task) for task in tasks if (folder / task / RESULT_FILE).is_file()}


def table(columns: dict[str, dict[str, TaskResult]]) -> Iterator[str]:
    """Yields the lines of the table."""
    yield f"| percent, 95 % interval | n | {' | '.join(columns)} |"
    yield f"|---|---:|{'---:|' * len(columns)}"
    for row in ROWS:
        scores = [score_of(row, by_task) for by_task in columns.values()]
        count = next((str(score.n) for score in scores if score), "")
        yield f"| {row.words} | {count} | {' | '.join(cell(score, row) for score in scores)} |"


def score_of(row: Row, by_task: dict[str, TaskResult]) -> Score | None:
    """Returns a row's score in a run; None where the run has none."""
    result = by_task.get(row.task)
    if result is None:
        return None
    scores = result.scores
    if row.tag is not None:
        parts = [part for part in result.slices if (part.tag, part.value) == row.tag]
        scores = parts[0].scores if parts else ()
    return next((score for score in scores if score.name == row.score), None)


def cell(score: Score | None, row: Row) -> str:
    """Returns a score in words, `87.1 [85.0, 89.2]`."""
    if score is None or score.value is None:
        return "n/a"
    times, digits = (100, 1) if row.percent else (1, 2)
    ends = [end for end in (score.low, score.high) if end is not None]
    interval = f" [{', '.join(f'{times * end:.{digits}f}' for end in ends)}]" if ends else ""
    return f"{times * score.value:.{digits}f}{interval}"


if __name__ == "__main__":
    main()
