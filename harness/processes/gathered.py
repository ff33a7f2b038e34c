"""The records of a task as they lie in several files, found by key: 16 bytes of memory a record, whatever is in it."""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import orjson

from harness.records import Record
from harness.store import damaged_line, decode, record_lines

# A place is a file's number and a byte in it, in one whole number: 2,048 terabytes a file.
_BYTE_BITS = 51


class Gathered:
    """Finds a task's records by their keys, in any number of files.

    Of several records under one key it finds the last that has an answer, or the last where none has; files count in
    the order in which they are given.

    Args:
        files: the files; those that are absent hold nothing.

    Raises:
        DataError: a line is no record; names file and line.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [path for path in files if path.exists()]
        self._open: list[BinaryIO] = []
        hashes, places, answered = array("q"), array("q"), array("b")
        for number, path in enumerate(self._files):
            start = 0
            for line_number, line in record_lines(path):
                key, has_answer = _outline(path, line_number, line)
                # Of this process alone; a record that is found is held against the whole key.
                hashes.append(hash(key))
                places.append(number << _BYTE_BITS | start)
                answered.append(has_answer)
                start += len(line)
        found = np.frombuffer(hashes, dtype=np.int64)
        order = np.lexsort((np.arange(len(found)), np.frombuffer(answered, dtype=np.int8), found))
        found = found[order]
        last = np.ones(len(found), dtype=np.bool_)
        last[:-1] = found[1:] != found[:-1]
        self._hashes = found[last]
        self._places = np.frombuffer(places, dtype=np.int64)[order][last]

    def __enter__(self) -> Self:
        self._open = [path.open("rb") for path in self._files]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open:
            file.close()

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, key: str) -> Record | None:
        """Returns the record under a key, or None.

        Raises:
            DataError: there is a key, and the rest is no record; names file and line.
        """
        wanted = hash(key)
        index = int(np.searchsorted(self._hashes, wanted))
        if index == len(self._hashes) or self._hashes[index] != wanted:
            return None
        record = self._read(*divmod(int(self._places[index]), 1 << _BYTE_BITS))
        return record if record.key == key else None

    def _read(self, number: int, start: int) -> Record:
        file = self._open[number]
        file.seek(start)
        try:
            return decode(file.readline())
        except ValueError as error:
            line = next(line for line, begins in _starts(self._files[number]) if begins == start)
            raise damaged_line(self._files[number], line, error) from error


def _starts(path: Path) -> Iterator[tuple[int, int]]:
    """Yields the number of each line and the byte where it begins."""
    start = 0
    for number, line in record_lines(path):
        yield number, start
        start += len(line)


def _outline(path: Path, number: int, line: bytes) -> tuple[str, bool]:
    """A record's key, and whether it has an answer."""
    try:
        data = orjson.loads(line)
        return str(data["key"]), data["response"] is not None
    except (ValueError, KeyError, TypeError) as error:
        raise damaged_line(path, number, error) from error
