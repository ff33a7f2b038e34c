"""CSV tables: a line of names, then one sample a line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.errors import ConfigurationError, DataError
from harness.paths import below
from harness.readers.mapping import Located, Malformed, MappedReader, Table


@dataclass(frozen=True)
class CsvReader(MappedReader):
    """Reads samples from a CSV file in UTF-8 whose first line names the columns.

    Without `id`, samples go by their row's number, the first row below the names being 1.

    Attributes:
        file: the file below the data set's folder.
        delimiter: what stands between two cells, one character; a tab for TSV.
    """

    file: str
    delimiter: str = ","

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1:
            raise ConfigurationError(f"`delimiter` must be one character; found {self.delimiter!r}")

    def place(self, root: Path) -> Path:
        """Returns the file."""
        return below(root, self.file)

    def table(self, place: Path) -> Table:
        """Returns its rows."""
        return _Cells(place, self.delimiter)


@dataclass(frozen=True)
class _Cells:
    """The rows of a file, read one by one."""

    path: Path
    delimiter: str

    def __iter__(self) -> Iterator[Located]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                yield from _located(file, self.delimiter)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}") from error
        except csv.Error as error:
            raise DataError(f"{self.path}: not valid CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path}: not UTF-8: {error}. Save the table in that encoding.") from error


def _located(file: IO[str], delimiter: str) -> Iterator[Located]:
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    names = next(rows, [])
    for number, cells in enumerate(filter(None, rows), 1):
        yield Located(number, f"line {rows.line_num}", _row(names, cells))


def _row(names: Sequence[str], cells: Sequence[str]) -> dict[str, str] | Malformed:
    if len(cells) != len(names):
        return Malformed(f"expected {len(names)} cells, as the first line has names, found {len(cells)}")
    return dict(zip(names, cells, strict=True))
