"""The verdict for programs: all of it as JSON, and HEAD's scores in Bencher's metric format."""

from typing import Any

import orjson

from harness.comparison.rows import Row
from harness.comparison.verdict import Verdicts, status
from harness.comparison.wording import inline

FORMAT = 1
# Bencher drops this end of a name and raises no alert for it.
UNWATCHED = "-bencher-ignore"
LONGEST_MEASURE = 64


def as_json(verdicts: Verdicts) -> bytes:
    """Returns the verdict as JSON; scores are in the metrics' own units, fractions where they are shown in percent."""
    content = {
        "format": FORMAT,
        "status": status(verdicts.rows),
        "passed": not verdicts.bad,
        "exit_code": verdicts.exit_code,
        "alpha": verdicts.gates.alpha,
        "gates": None if verdicts.gates.file is None else inline(verdicts.gates.file, 4000),
        "base": _side(verdicts, "base"),
        "head": _side(verdicts, "head"),
        "rows": [_row(row) for row in verdicts.rows],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _side(verdicts: Verdicts, role: str) -> dict[str, str]:
    side = verdicts.base if role == "base" else verdicts.head
    return {"label": side.label, "digest": side.digest, "path": inline(side.path, 4000)}


def _row(row: Row) -> dict[str, Any]:
    return {
        "task": row.task,
        "metric": row.metric,
        "slice": dict(row.where),
        "verdict": row.verdict,
        "outcome": row.outcome,
        "reasons": row.reasons,
        "unit": row.card.unit if row.card else None,
        "direction": row.card.direction if row.card else None,
        "score": row.head,
        "difference": row.difference,
        "p_value_after_holm": row.p_value,
        "gated": row.gate is not None,
    }


def bencher(verdicts: Verdicts) -> bytes:
    """Returns HEAD's scores in Bencher's metric format (bencher.dev/docs/reference/bencher-metric-format).

    A benchmark is a task, or a slice of one; a measure is a metric, with the ends of its 95 % interval where there is
    one. A score that is undefined is left out: the format has no word for it.
    """
    content: dict[str, dict[str, dict[str, float]]] = {}
    for row in verdicts.rows:
        if row.head is None or row.head.value is None:
            continue
        measure = {"value": row.head.value}
        if row.head.low is not None and row.head.high is not None:
            measure |= {"lower_value": row.head.low, "upper_value": row.head.high}
        content.setdefault(_benchmark(row), {})[inline(row.metric)[:LONGEST_MEASURE]] = measure
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _benchmark(row: Row) -> str:
    name = inline(row.task + row.name.removeprefix(row.metric))
    return f"{name} (watched)" if name.endswith(UNWATCHED) else name
