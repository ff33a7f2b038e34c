"""Rows of parquet, JSON or JSON Lines files, one after the other: the forms in which one table is passed on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError, EnvironmentProblem
from harness.readers.tables import describe, load

BATCH = 256


def rows_of(files: Sequence[Path]) -> Iterator[Any]:
    """Yields the rows of some files in their order; of a parquet file a batch is in memory at a time.

    Raises:
        EnvironmentProblem: a parquet file is to be read without the extra `data`.
        DataError: a file cannot be read as what its ending says.
    """
    for file in files:
        match file.suffix:
            case ".parquet":
                yield from _parquet(file)
            case ".jsonl":
                yield from _lines(file)
            case _:
                yield from _list(file)


def _parquet(file: Path) -> Iterator[Any]:
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an extra
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise EnvironmentProblem(
            f"parquet files need pyarrow ({error}). Install the extra: `pip install 'geopix[data]'`."
        ) from error
    try:
        with ParquetFile(file) as table:
            for batch in table.iter_batches(BATCH):
                yield from batch.to_pylist()
    except (OSError, arrow.ArrowException) as error:
        raise DataError(f"{file}: no parquet file that can be read: {error}. Fetch it again.") from error


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
