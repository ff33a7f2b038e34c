"""lm-evaluation-harness's logs: `results_TIME.json` and, from --log_samples, `samples_TASK_TIME.jsonl` beside it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import DataError, MissingDataError
from harness.exchange.json_files import json_lines, json_object
from harness.exchange.logs import Log, Row, directions, first_words, model_of, number, settings_told

_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")


def read_lm_eval(folder: Path) -> list[Log]:
    """Returns every task of every run below a folder.

    Raises:
        MissingDataError: there is no log of samples; says how to have one.
        DataError: a file is damaged.
    """
    files = sorted(
        (file, match) for file in folder.rglob("samples_*.jsonl") if (match := _SAMPLES.fullmatch(file.name))
    )
    if not files:
        raise MissingDataError(
            f"{folder.resolve()} has no samples_TASK_TIME.jsonl below it. Run lm_eval with --log_samples and "
            "--output_path, and give that path."
        )
    return [_log(file, match["task"], match["time"]) for file, match in files]


def _log(file: Path, task: str, time: str) -> Log:
    results_file = file.with_name(f"results_{time}.json")
    results = json_object(results_file) if results_file.is_file() else {}
    rows: dict[str, Row] = {}
    for place, line in sorted(json_lines(file), key=lambda found: str(found[1].get("doc_id", "")).zfill(12)):
        # A task with several filters has a line for each; the first is the one its metrics are quoted by.
        row = _row(f"{file}:{place}", line)
        rows.setdefault(row.id, row)
    return Log(
        task=task,
        model=model_of(results, file),
        harness=f"lm-eval {results.get('lm_eval_version', 'of unknown version')}",
        file=file,
        rows=tuple(rows.values()),
        higher_is_better=directions(results, task),
        settings=settings_told(results),
        started=time,
    )


def _row(where: str, line: Mapping[str, Any]) -> Row:
    if "doc_id" not in line or "filtered_resps" not in line:
        raise DataError(f"{where}: not a sample of lm-eval: no doc_id or no filtered_resps. Found: {', '.join(line)}.")
    target = line.get("target", "")
    return Row(
        id=str(line["doc_id"]),
        prompt=_prompt(line),
        target=tuple(map(str, target)) if isinstance(target, list) else (str(target),),
        text=first_words(line["filtered_resps"]),
        scores=dict(_scores(line)),
    )


def _scores(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    names = line.get("metrics")
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and (score := number(line.get(name))) is not None:
            yield name, score


def _prompt(line: Mapping[str, Any]) -> str:
    arguments = line.get("arguments")
    if isinstance(arguments, dict):
        first: Any = next(iter(arguments.values()), {})
        return str(first.get("arg_0", "")) if isinstance(first, dict) else str(first)
    return first_words(arguments) if isinstance(arguments, list) else ""
