"""lmms-eval's logs: `STAMP_results.json` and, from --log_samples, `STAMP_samples_TASK.jsonl` beside it.

What they are, and what is not to be trusted in them, was found with lmms-eval 0.7.3: lines come rank by rank, a file
may have been appended to by a second run, and the hashes of tasks and documents are constants.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import DataError, MissingDataError
from harness.exchange.json_files import json_lines, json_object
from harness.exchange.lmms_eval.bridge import RECORD
from harness.exchange.logs import Log, Row, directions, first_words, inner, model_of, number, settings_told
from harness.records import Record
from harness.store import decode

_SAMPLES = re.compile(r"(?P<stamp>\d{8}_\d{6})_samples_(?P<task>.+)\.jsonl")
#: Keys of a line that are no metric.
_OWN = {
    "doc_id",
    "doc",
    "target",
    "input",
    "resps",
    "filtered_resps",
    "arguments",
    "token_counts",
    "doc_hash",
    "input_media",
}


def read_lmms(folder: Path) -> list[Log]:
    """Returns every task of every run below a folder.

    Raises:
        MissingDataError: there is no log of samples; says how to have one.
        DataError: a file is damaged.
    """
    files = sorted((file, match) for file in folder.rglob("*.jsonl") if (match := _SAMPLES.fullmatch(file.name)))
    if not files:
        raise MissingDataError(
            f"{folder.resolve()} has no STAMP_samples_TASK.jsonl below it. Run lmms-eval with --log_samples and "
            "--output_path, and give that path."
        )
    return [_log(file, match["stamp"], match["task"]) for file, match in files]


def _log(file: Path, stamp: str, task: str) -> Log:
    results_file = file.with_name(f"{stamp}_results.json")
    results = json_object(results_file) if results_file.is_file() else {}
    lines = sorted(json_lines(file), key=lambda found: _place(found[1].get("doc_id")))
    names = _metrics(results, task, lines)
    rows: dict[str, Row] = {}
    for place, line in lines:
        row = _row(f"{file}:{place}", line, names)
        rows.setdefault(row.id, row)  # a second run in the same second appends to the same file
    return Log(
        task=task,
        model=model_of(results, file),
        harness=f"lmms-eval {results.get('lmms_eval_version') or 'of unknown version'}",
        file=file,
        rows=tuple(rows.values()),
        higher_is_better=directions(results, task),
        settings=settings_told(results),
        started=str(results.get("date") or stamp),
        notes=_notes(results, task, len(lines), len(rows)),
    )


def _notes(results: Mapping[str, Any], task: str, lines: int, rows: int) -> tuple[str, ...]:
    notes = []
    if lines > rows:
        notes.append(f"{lines - rows} lines repeat a sample; the first of each is taken.")
    counts = inner(results, "n-samples", task)
    asked, there = counts.get("effective"), counts.get("original")
    if asked not in (None, there):
        notes.append(f"Only {asked} of {there} samples were asked (--limit).")
    return tuple(notes)


def _metrics(results: Mapping[str, Any], task: str, lines: list[tuple[int, dict[str, Any]]]) -> set[str]:
    """Names of the metrics that the results give a number for; the lines' own where there are no results."""
    values = inner(results, "results", task)
    named = {key.rpartition(",")[0] for key, value in values.items() if isinstance(value, int | float)}
    return named or {key for _, line in lines for key in line if key not in _OWN}


def _row(where: str, line: Mapping[str, Any], names: set[str]) -> Row:
    if "doc_id" not in line or "filtered_resps" not in line:
        raise DataError(
            f"{where}: not a sample of lmms-eval: no doc_id or no filtered_resps. Found: {', '.join(line)}."
        )
    scores = dict(_scores(line, names))
    clusters = {
        str(line[name]["image_id"]) for name in names if isinstance(line.get(name), dict) and "image_id" in line[name]
    }
    return Row(
        id=str(line["doc_id"]),
        prompt=str(line.get("input", "")),
        target=(str(line.get("target", "")),),
        text=first_words(line["filtered_resps"]),
        scores=scores,
        image=clusters.pop() if len(clusters) == 1 else None,
        record=_record(where, line.get(RECORD)),
    )


def _record(where: str, packed: Any) -> Record | None:
    """Our record, where the task was one that `geopix-eval export` wrote."""
    if not isinstance(packed, str):
        return None
    try:
        return decode(packed.encode())
    except ValueError as error:
        raise DataError(f"{where}: {RECORD} is damaged: {error}. Run lmms-eval again.") from error


def _scores(line: Mapping[str, Any], names: set[str]) -> Iterator[tuple[str, float]]:
    """A metric's value of a sample is a number, or holds one as `score`."""
    for name in sorted(names):
        value = line.get(name)
        score = number(value.get("score") if isinstance(value, dict) else value)
        if score is not None:
            yield name, score


def _place(value: Any) -> int:
    return value if isinstance(value, int) else -1
