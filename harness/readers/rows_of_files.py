"""Rows of parquet, JSON or JSON Lines files, one after the other: the forms in which one table is passed on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError
from harness.readers.parquet import parquet_rows
from harness.readers.tables import describe, load


def rows_of(files: Sequence[Path]) -> Iterator[Any]:
    """Yields the rows of some files in their order; of a parquet file a batch is in memory at a time.

    Raises:
        EnvironmentProblem: a parquet file is to be read without the extra `data`.
        DataError: a file cannot be read as what its ending says.
    """
    for file in files:
        match file.suffix:
            case ".parquet":
                yield from parquet_rows([file])
            case ".jsonl":
                yield from _lines(file)
            case _:
                yield from _list(file)


def _lines(file: Path) -> Iterator[Any]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise DataError(f"{file}:{number}: not valid JSON: {error}") from error


def _list(file: Path) -> Iterator[Any]:
    content = load(file, "a list of rows")
    if not isinstance(content, list):
        raise DataError(f"{file}: expected a list of rows, found {describe(content)}.")
    yield from content
