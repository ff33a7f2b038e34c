"""JSON files of data sets: found, loaded and checked, with every mistake of a file told at once."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError, MissingDataError, nearest

Row = dict[str, Any]

SHOWN = 20
KINDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class Problems:
    """The mistakes found in one file.

    Args:
        file: the file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._messages: list[str] = []

    def add(self, place: str, message: str) -> None:
        """Notes a mistake at a place, `questions[3].id` for example."""
        self._messages.append(f"{self.file.name}: {place}: {message}" if place else f"{self.file.name}: {message}")

    def settle(self) -> None:
        """Goes on when there is no mistake.

        Raises:
            DataError: the first twenty mistakes, and how many more there are.
        """
        if not self._messages:
            return
        more = len(self._messages) - SHOWN
        tail = [f"and {more} more"] if more > 0 else []
        advice = "The file does not have the format of its benchmark; download it again, or name the right file."
        raise DataError("\n".join([f"{self.file}:", *self._messages[:SHOWN], *tail, advice]))


def describe(value: object) -> str:
    """Says what a JSON value is, with the value itself where it is short.

    >>> describe("seven"), describe(None), describe([1, 2])
    ("text 'seven'", 'null', 'a list')
    """
    kind = KINDS.get(type(value), type(value).__name__)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return f"{kind} {str(value)[:40]!r}" if isinstance(value, str) else f"{kind}, {value}"
    return kind


def missing(path: Path, what: str, others: Container[str] = ()) -> MissingDataError:
    """Returns the error for an absent file or folder, with what lies in its place.

    Args:
        path: what is absent.
        what: what it is, in words.
        others: names beside it that are known to be something else.
    """
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    names = sorted(entry.name for entry in folder.iterdir())
    unknown = [name for name in names if name not in others]
    listed = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    here = f"{folder} holds: {listed}." if names else f"{folder} is empty."
    return MissingDataError(
        f"{path.absolute()} does not exist; expected {what} there.{nearest(path.name, unknown)} {here} "
        "Download the data set's files into this folder, or correct the names in the task's `dataset`."
    )


def load(path: Path, what: str, others: Container[str] = ()) -> Any:
    """Returns a JSON file's content.

    Args:
        path: the file.
        what: what it is, for messages.
        others: names beside it that are known to be something else.

    Raises:
        MissingDataError: it is not there.
        DataError: it cannot be read or is not JSON; says at which line and column.
    """
    if not path.is_file():
        raise missing(path, what, others)
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path}: not valid JSON: {error}. Was the download cut short? Fetch {what} again.") from error


def rows(data: Any, key: str, problems: Problems) -> list[Any]:
    """Returns the list that a file's object holds under a key; notes when there is none, and returns an empty one."""
    found: list[Any] = []
    if not isinstance(data, dict):
        problems.add("", f"expected an object with the list {key!r}, found {describe(data)}")
    elif key not in data:
        problems.add("", f"the list {key!r} is missing; found the keys {', '.join(map(repr, data)) or 'none'}")
    elif not isinstance(data[key], list):
        problems.add(key, f"expected a list, found {describe(data[key])}")
    else:
        found = data[key]
    return found


def load_list(
    path: Path, what: str, fits: Callable[[Any, str, Problems], bool], *, of: str = "rows", once: str | None = None
) -> list[Row]:
    """Returns the rows of a JSON file that is one list.

    Args:
        path: the file.
        what: what it is, for messages.
        fits: notes what is wrong with a row at a place, `[3]` for example, and returns whether nothing is.
        of: what the rows are called in messages.
        once: a field whose value tells the rows apart; none may stand twice.

    Raises:
        MissingDataError: the file is not there.
        DataError: it is no list, or rows contradict the format; all of them.
    """
    content, problems = load(path, what), Problems(path)
    if not isinstance(content, list):
        problems.add("", f"expected a list of {of}, found {describe(content)}")
    problems.settle()
    found = {f"[{index}]": row for index, row in enumerate(content) if fits(row, f"[{index}]", problems)}
    if once is not None:
        check_once(((f"{place}.{once}", str(row[once])) for place, row in found.items()), problems)
    problems.settle()
    return list(found.values())


def check_once(names: Iterable[tuple[str, str]], problems: Problems) -> None:
    """Notes every name that stands a second time: answers could not be told apart.

    Args:
        names: places in the file, `images[3].filename` for example, with the name that stands there.
        problems: where mistakes go.
    """
    seen: dict[str, str] = {}
    for place, name in names:
        if seen.setdefault(name, place) != place:
            problems.add(place, f"{name!r} stands in {seen[name]} already")


class Shape:
    """The fields that every row of a table has.

    Args:
        fields: the JSON types that each field may have, by its name.
    """

    def __init__(self, **fields: tuple[type, ...]) -> None:
        self._fields = fields
        self._names = tuple(fields)
        # All combinations of types, so that a good row costs one look-up: tables have up to a million rows.
        self._good = frozenset(product(*fields.values()))

    def fits(self, row: Any, place: str, problems: Problems) -> bool:
        """Returns whether a row has the fields in their types; notes everything that is wrong with it."""
        if type(row) is dict and tuple([type(row.get(name)) for name in self._names]) in self._good:
            return True
        for where, message in self._mistakes(row, place):
            problems.add(where, message)
        return False

    def _mistakes(self, row: Any, place: str) -> Iterator[tuple[str, str]]:
        if not isinstance(row, dict):
            yield place, f"expected an object, found {describe(row)}"
            return
        for name, kinds in self._fields.items():
            expected = " or ".join(KINDS[kind] for kind in kinds)
            if name not in row:
                yield f"{place}.{name}", f"missing; expected {expected}.{nearest(name, row)}"
            elif type(row[name]) not in kinds:
                yield f"{place}.{name}", f"expected {expected}, found {describe(row[name])}"
