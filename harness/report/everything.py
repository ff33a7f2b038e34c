"""All numbers of the page as plain data, for the JSON file beside it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.report.board import PageBoard
from harness.report.contents import Task

FORMAT = 1


def everything(tasks: Sequence[Task], board: PageBoard) -> dict[str, Any]:
    """Returns runs with their settings and results, tie groups, differences, duels and published tables.

    Args:
        tasks: the tasks' sections.
        board: the table at the top.
    """
    found = board.standings
    return {
        "format": FORMAT,
        "board": board.layout.board,
        "title": board.layout.title,
        "baseline": found.baseline,
        "alpha": found.alpha,
        "seed": found.seed,
        "runs": [
            {
                "label": run.label,
                "manifest": asdict(run.manifest),
                "results": {k: asdict(v) for k, v in run.results.items()},
            }
            for run in (row.run for row in board.rows)
        ],
        "tie_groups": [
            {"column": column, "run": label, "rank": one.rank, "anchor": one.anchor, "p_value": one.p_value}
            for (column, label), one in sorted(found.places.items())
        ],
        "differences": [
            {
                "column": column,
                "run": label,
                "mark": delta.mark,
                "p_value_holm": delta.p_value,
                **asdict(delta.difference),
            }
            for (column, label), delta in sorted(found.deltas.items())
        ],
        "seen_in_training": [
            {
                "column": cell.column.key,
                "run": row.run.label,
                "samples": cell.seen,
                "without": asdict(cell.unseen) if cell.unseen else None,
            }
            for row in board.rows
            for cell in row.cells
            if cell.seen is not None
        ],
        "duels": {task.name: [asdict(duel) for duel in task.duels] for task in tasks},
        "published": [table.model_dump() for table in board.layout.published],
    }
