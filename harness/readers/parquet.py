"""Parquet tables, read batch by batch with pyarrow (extra `data`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError, EnvironmentProblem
from harness.paths import below
from harness.readers.mapping import Located, MappedReader, Table

BATCH = 1024


@dataclass(frozen=True)
class ParquetReader(MappedReader):
    """Reads samples from a parquet file, or from a folder's parquet files in the order of their names.

    Without `id`, samples go by their row's number through all files, from 1. Needs the extra `data`.

    Attributes:
        file: the file, or the folder, below the data set's folder.
    """

    file: str

    def place(self, root: Path) -> Path:
        """Returns the file or folder."""
        return below(root, self.file)

    def table(self, place: Path) -> Table:
        """Returns its rows."""
        files = sorted(place.glob("*.parquet")) if place.is_dir() else [place]
        if not files:
            raise DataError(f"{place} holds no file that ends in .parquet.")
        return _Batches(files)


@dataclass(frozen=True)
class _Batches:
    """The rows of some files, a batch in memory at a time."""

    files: list[Path]

    def __iter__(self) -> Iterator[Located]:
        return (Located(number, f"row {number}", row) for number, row in enumerate(parquet_rows(self.files), 1))


def parquet_rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yields the rows of parquet files in their order, a batch in memory at a time.

    Raises:
        EnvironmentProblem: pyarrow is missing; says which extra has it.
        DataError: a file cannot be read as parquet.
    """
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an extra
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise EnvironmentProblem(
            f"parquet files need pyarrow ({error}). Install the extra: `pip install 'geopix[data]'`."
        ) from error
    for path in files:
        try:
            with ParquetFile(path) as table:
                for batch in table.iter_batches(BATCH):
                    yield from batch.to_pylist()
        except (OSError, arrow.ArrowException) as error:
            raise DataError(f"{path}: no parquet file that can be read: {error}") from error
