"""A baseline: what a comparison needs of a run, in one file that is small enough to commit.

It holds scores, digests and each sample's statistics; no image, no prompt and no answer. It changes by command only.
"""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import pydantic

from harness.comparison.evidence import Evidence
from harness.errors import ConfigurationError, DataError
from harness.results import TaskResult
from harness.store import RunDirectory, write_atomically

FORMAT = 1
KIND = "geopix-eval baseline"
LARGEST = 2**29


@dataclass(frozen=True)
class Baseline:
    """A blessed run.

    Attributes:
        model: its name.
        digest: its digest.
        tasks: the finished tasks.
    """

    model: str
    digest: str
    tasks: tuple[Evidence, ...]


@dataclass(frozen=True)
class _StoredTask:
    result: TaskResult
    sample_ids: list[str]
    clusters: list[str]
    tags: dict[str, list[str | None]]
    statistics: dict[str, dict[str, list[float | None]]]


@dataclass(frozen=True)
class _Stored:
    kind: Literal["geopix-eval baseline"]
    format: Literal[1]
    model: str
    digest: str
    tasks: list[_StoredTask]


def bless(run: RunDirectory) -> Baseline:
    """Returns a run as a baseline.

    Raises:
        ConfigurationError: no task is finished.
        DataError: the run is damaged.
    """
    manifest = run.manifest()
    if run.unfinished() or not run.tasks():
        raise ConfigurationError(
            f"{run.path}: {', '.join(run.unfinished()) or 'every task'} is not finished, so this is no baseline yet. "
            "Run the same `geopix-eval --tasks ..` command again; it goes on where it stopped."
        )
    tasks = tuple(Evidence.of_run(manifest.model, run, task) for task in run.tasks())
    return Baseline(manifest.model, manifest.digest, tasks)


def write_baseline(baseline: Baseline, file: Path) -> int:
    """Writes a baseline as JSON, compressed where the name ends in .gz; the same run gives the same bytes.

    Returns:
        The file's size in bytes.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    content = orjson.dumps(_stored(baseline), option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    if file.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}. Name a file in a folder you may write to with -o."
        ) from error
    return len(content)


def _stored(baseline: Baseline) -> dict[str, Any]:
    return {
        "kind": KIND,
        "format": FORMAT,
        "model": baseline.model,
        "digest": baseline.digest,
        "tasks": [_stored_task(task) for task in baseline.tasks],
    }


def _stored_task(task: Evidence) -> dict[str, Any]:
    return {
        # When it ran, and how long, is left out: the same answers give the same bytes.
        "result": replace(task.result, seconds=None),
        "sample_ids": task.sample_ids,
        "clusters": task.clusters,
        "tags": task.tags,
        "statistics": {
            metric: {name: [_number(value) for value in column.tolist()] for name, column in columns.items()}
            for metric, columns in task.statistics.items()
        },
    }


def _number(value: float) -> float | int | None:
    """A statistic in as few characters as it takes."""
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return None
    return int(value) if value.is_integer() else value


def read_baseline(file: Path) -> Baseline:
    """Reads a baseline.

    Raises:
        DataError: the file is none, is damaged, or is of another version.
    """
    try:
        stored = pydantic.TypeAdapter(_Stored).validate_json(_content(file))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise DataError(
            f"{file}: {place}: {first['msg']}. Expected a baseline made by this version's `geopix-eval bless RUN -o "
            f"{file}`; make it anew."
        ) from error
    tasks = tuple(_evidence(stored.model, task, file) for task in stored.tasks)
    return Baseline(stored.model, stored.digest, tasks)


def _content(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        if content[:2] != b"\x1f\x8b":
            return content
        with gzip.open(file) as packed:
            content = packed.read(LARGEST + 1)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}. Expected a baseline made by `geopix-eval bless`.") from error
    if len(content) > LARGEST:
        raise DataError(f"{file} unpacks to more than {LARGEST >> 20} MiB, which no baseline does. Make it anew.")
    return content


def _evidence(label: str, task: _StoredTask, file: Path) -> Evidence:
    count = len(task.sample_ids)
    lengths = {len(task.clusters), *(len(values) for values in task.tags.values())}
    lengths |= {len(column) for found in task.statistics.values() for column in found.values()}
    names = [card.name for card in task.result.metrics]
    if lengths != {count} or sorted(task.statistics) != sorted(names):
        raise DataError(
            f"{file}: task {task.result.task}: the columns do not fit the {count} samples and the metrics "
            f"{', '.join(names)}. The file is damaged; make it anew with `geopix-eval bless`."
        )
    return Evidence(
        label=label,
        result=task.result,
        sample_ids=tuple(task.sample_ids),
        clusters=tuple(task.clusters),
        tags={tag: tuple(values) for tag, values in task.tags.items()},
        statistics={metric: _columns(found) for metric, found in task.statistics.items()},
    )


def _columns(found: Mapping[str, Sequence[float | None]]) -> dict[str, Any]:
    return {name: np.array(column, dtype=np.float64) for name, column in found.items()}
