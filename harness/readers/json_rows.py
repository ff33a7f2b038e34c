"""A JSON file that holds a list of objects, perhaps lists within their elements, with keys that the task file names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.paths import below
from harness.readers.mapping import Located, Malformed, MappedReader, Table
from harness.readers.tables import describe, load

EACH = "*"


@dataclass(frozen=True)
class JsonReader(MappedReader):
    """Reads samples from a JSON file whose keys are named here.

    `rows` says where the samples' objects are. Empty: the file is a list of them. `[annotations]`: the list under that
    key. `[annotations, qa_pairs]`: the lists `qa_pairs` of each object of the list `annotations`; such a sample also
    has the keys of the object around it. `["*"]`: the file is an object whose values are lists, and the name of each is
    the sample's key `*`.

    Attributes:
        file: the file below the data set's folder.
        rows: the way to the samples' objects.
    """

    file: str
    rows: Sequence[str] = ()

    def place(self, root: Path) -> Path:
        """Returns the file."""
        return below(root, self.file)

    def table(self, place: Path) -> Table:
        """Returns its rows, numbered through."""
        found = _unfold(load(place, "the data set's rows"), tuple(self.rows), {}, "")
        return [Located(number, where, row) for number, (where, row) in enumerate(found, 1)]


Found = Iterator[tuple[str, Mapping[str, Any] | Malformed]]


def _unfold(value: Any, way: tuple[str, ...], around: Mapping[str, Any], where: str) -> Found:
    """Yields the objects at the end of a way, each with the keys of those around it."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _element(element, way, around, f"{where}[{index}]")
    elif isinstance(value, dict) and way[:1] == (EACH,):
        for name, inner in value.items():
            yield from _unfold(inner, way[1:], {**around, EACH: name}, f"{where}[{name!r}]")
    elif isinstance(value, dict) and way and way[0] in value:
        yield from _unfold(value[way[0]], way[1:], around, f"{where}.{way[0]}".removeprefix("."))
    else:
        yield where, Malformed(_expected(value, way))


def _element(element: Any, way: tuple[str, ...], around: Mapping[str, Any], where: str) -> Found:
    if not isinstance(element, dict):
        yield where, Malformed(f"expected an object, found {describe(element)}")
    elif not way:
        yield where, {**around, **element} if around else element
    else:
        outer = {key: value for key, value in element.items() if key != way[0]}
        yield from _unfold(element, way, {**around, **outer}, where)


def _expected(value: Any, way: tuple[str, ...]) -> str:
    if not isinstance(value, dict) or not way:
        return f"expected a list of objects, found {describe(value)}"
    return f"expected the list {way[0]!r}; found the keys {', '.join(map(repr, value)) or 'none'}"
