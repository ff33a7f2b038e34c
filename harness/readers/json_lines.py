"""JSON Lines: one object a line, with keys that the task file names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError
from harness.paths import below
from harness.readers.mapping import Located, Malformed, MappedReader, Table
from harness.readers.tables import describe


@dataclass(frozen=True)
class JsonLinesReader(MappedReader):
    """Reads samples from a JSON Lines file whose keys are named here.

    Blank lines are skipped. Without `id`, samples go by their line's number.

    Attributes:
        file: the file below the data set's folder.
    """

    file: str

    def place(self, root: Path) -> Path:
        """Returns the file."""
        return below(root, self.file)

    def table(self, place: Path) -> Table:
        """Returns its lines."""
        return _Lines(place)


@dataclass(frozen=True)
class _Lines:
    """The lines of a file, read one by one."""

    path: Path

    def __iter__(self) -> Iterator[Located]:
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield Located(number, f"line {number}", _row(line))
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}") from error


def _row(line: bytes) -> dict[str, Any] | Malformed:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Malformed(f"not valid JSON: {error}")
    return row if isinstance(row, dict) else Malformed(f"expected an object, found {describe(row)}")
