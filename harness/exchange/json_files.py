"""JSON files of others: read whole or not at all, each mistake with its line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError


def json_object(file: Path) -> dict[str, Any]:
    """Returns a file's JSON object.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        content = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: expected a JSON object, found {type(content).__name__}")
    return content


def json_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of a file of JSON Lines with the numbers of their lines.

    Raises:
        DataError: a line is no JSON object.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{file}:{number}: not a JSON object: {error}") from error
        if not isinstance(content, dict):
            raise DataError(f"{file}:{number}: expected a JSON object, found {type(content).__name__}")
        yield number, content
