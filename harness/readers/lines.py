"""JSON Lines of benchmarks whose rows have a known shape, with every mistake of a file told at once."""

from collections import Counter
from collections.abc import Hashable, Iterable
from pathlib import Path

import orjson

from harness.errors import DataError
from harness.readers.tables import Problems, Row, Shape, missing


def load_lines(path: Path, what: str, shape: Shape) -> list[Row]:
    """Returns the rows of a JSON Lines file, in its order; blank lines are skipped.

    Args:
        path: the file.
        what: what it is, for messages.
        shape: the fields that every row has.

    Raises:
        MissingDataError: it is not there.
        DataError: it cannot be read, or lines are no objects of this shape; all of them, by number and field.
    """
    if not path.is_file():
        raise missing(path, what)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    problems, rows = Problems(path), []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            problems.add(f"line {number}", f"not valid JSON: {error}")
            continue
        if shape.fits(row, f"line {number}", problems):
            rows.append(row)
    problems.settle()
    return rows


def refuse_repeated(path: Path, what: str, ids: Iterable[Hashable]) -> None:
    """Goes on when no id stands twice.

    Raises:
        DataError: ids that do; the first twenty.
    """
    problems = Problems(path)
    for found, times in Counter(ids).items():
        if times > 1:
            problems.add("", f"{what} {found} stands {times} times")
    problems.settle()
