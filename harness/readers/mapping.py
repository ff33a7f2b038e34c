"""One idea for every table of samples: the task file names which column holds what, whatever the file's kind."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.errors import DataError, SampleError, nearest
from harness.masks import from_json
from harness.paths import below
from harness.readers.embedded import keep_embedded
from harness.readers.gallery import Found, Gallery
from harness.readers.tables import Problems, describe, missing
from harness.records import Box, ImageFile, Mask, Sample, Target

BoxFormat = Literal["xyxy", "xywh"]


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that is none, with the reason."""

    reason: str


class Located(NamedTuple):
    """A row with its number in the file, from 1, and its place in words."""

    number: int
    where: str
    row: Mapping[str, Any] | Malformed


#: Rows that may be gone through more than once.
Table = Iterable[Located]


@dataclass(frozen=True, kw_only=True)
class MappedReader(ABC):
    """Turns rows with named columns into samples; a subclass says where the rows come from.

    The rows are gone through twice: first all of them are checked, so that every mistake of a file is told at once,
    then they are given one by one; none is kept. A value may be text, a number or true/false.

    Attributes:
        fields: a prompt field's name to the column that holds it; `question` from `question` by default. A list is
            given line by line.
        target: the column of the right answer, or of a list of accepted ones; none where empty.
        mask: the column of the true mask, `size` and `counts` in COCO's run-length encoding, or a list of such masks.
        box: the column of the true box, a list of four numbers in pixels, or four columns of one number each.
        box_format: what the four numbers are: `xyxy` or `xywh`.
        id: the column of the sample's id; where empty, the row's place in the file: a number, from 1.
        image: the column of the image's file name, or of several for a sample with several images; samples have no
            image where empty. An image that is kept inside the table is copied to a cache, see
            `harness.readers.embedded`.
        images: the folder of the images below the data set's folder.
        tags: a tag's name to the column that holds it.
        rename: a tag's name to its values that go by another name, {found: shown}.
    """

    fields: Mapping[str, str] = field(default_factory=lambda: {"question": "question"})
    target: str = ""
    mask: str = ""
    box: str | Sequence[str] = ""
    box_format: BoxFormat = "xyxy"
    id: str = ""
    image: str | Sequence[str] = ""
    images: str = "."
    tags: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @abstractmethod
    def place(self, root: Path) -> Path:
        """Returns the file or folder that the rows come from."""

    @abstractmethod
    def table(self, place: Path) -> Table:
        """Returns the rows of a place that exists."""

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields one sample a row, in the file's order.

        An image that is not there, or leaves its folder, and a mask or box that is malformed make a `defect`.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: rows that are none or lack a column, or an id that stands twice; all, by row and column.
        """
        place = self.place(root)
        if not place.exists():
            raise missing(place, "the data set's rows")
        table = self.table(place)
        self._check(table, Problems(place))
        return self._samples(place.name, table, Gallery(root, self.images))

    def _check(self, table: Table, problems: Problems) -> None:
        seen: dict[str, str] = {}
        for number, where, row in table:
            if isinstance(row, Malformed):
                problems.add(where, row.reason)
                continue
            mistakes = list(self._mistakes(row))
            for mistake in mistakes:
                problems.add(where, mistake)
            if self.id and not mistakes:
                first = seen.setdefault(self._id(number, row), where)
                if first != where:
                    problems.add(where, f"the id {self._id(number, row)!r} stands in {first} already")
        problems.settle()

    def _mistakes(self, row: Mapping[str, Any]) -> Iterator[str]:
        yield from _mistakes(row, [self.id, *self.tags.values()], _is_scalar)
        yield from _mistakes(row, [*self.fields.values(), self.target], _is_answer)
        yield from _mistakes(row, _listed(self.image), _is_image)
        yield from _mistakes(row, [self.mask, *_listed(self.box)], lambda _: True)

    def _id(self, number: int, row: Mapping[str, Any]) -> str:
        return _text(row[self.id]) if self.id else str(number)

    def _samples(self, source: str, table: Table, gallery: Gallery) -> Iterator[Sample]:
        for number, where, row in table:
            assert not isinstance(row, Malformed)  # noqa: S101 - the check has refused those
            yield self._sample(number, f"{source}: {where}", row, gallery)

    def _sample(self, number: int, where: str, row: Mapping[str, Any], gallery: Gallery) -> Sample:
        found = [_image(row[column], gallery) for column in _listed(self.image)]
        truth, defect = self._truth(where, row)
        return Sample(
            id=self._id(number, row),
            images=tuple(image for one in found for image in one.images),
            fields={name: "\n".join(_texts(row[column])) for name, column in self.fields.items()},
            target=truth,
            tags={name: self._tag(name, _text(row[column])) for name, column in self.tags.items()},
            defect=defect or next((one.defect for one in found if one.defect), None),
        )

    def _tag(self, name: str, value: str) -> str:
        return self.rename[name].get(value, value) if name in self.rename else value

    def _truth(self, where: str, row: Mapping[str, Any]) -> tuple[Target, str | None]:
        """The right answer, and why it cannot be used."""
        texts = tuple(_texts(row[self.target])) if self.target else ()
        try:
            return Target(texts, self._masks(row), self._boxes(row)), None
        except SampleError as error:
            return Target(texts), f"{where}: {error}"

    def _masks(self, row: Mapping[str, Any]) -> tuple[Mask, ...]:
        if not self.mask:
            return ()
        value = row[self.mask]
        try:
            return tuple(map(from_json, value if isinstance(value, list) else [value]))
        except SampleError as error:
            raise SampleError(f"{self.mask!r}: {error}") from error

    def _boxes(self, row: Mapping[str, Any]) -> tuple[Box, ...]:
        columns = _listed(self.box)
        if not columns:
            return ()
        values = row[columns[0]] if len(columns) == 1 else [row[column] for column in columns]
        return (box_of(values, self.box_format, "+".join(columns)),)


def box_of(values: Any, box_format: BoxFormat, name: str) -> Box:
    """Returns four numbers as a box (x0, y0, x1, y1) in pixels.

    Raises:
        SampleError: they are not four numbers, or the box has no area.
    """
    try:
        x0, y0, third, fourth = map(float, values)
    except (TypeError, ValueError) as error:
        raise SampleError(f"{name!r}: expected four numbers ({box_format}), found {values!r}") from error
    x1, y1 = (x0 + third, y0 + fourth) if box_format == "xywh" else (third, fourth)
    if not (x1 > x0 and y1 > y0):
        raise SampleError(f"{name!r}: the box {values!r} ({box_format}) has no area")
    return x0, y0, x1, y1


def _image(value: Any, gallery: Gallery) -> Found:
    if isinstance(value, Mapping) and value.get("bytes"):
        return Found((keep_embedded(value["bytes"]),))
    name = _text(value["path"] if isinstance(value, Mapping) else value)
    path = Path(name)
    # What `datasets` says of an image beside its table is a whole path.
    if path.is_absolute() and path.is_relative_to(gallery.root.absolute()):
        return _at(path, gallery.root)
    return gallery.find(name, name)


def _at(path: Path, root: Path) -> Found:
    name = path.relative_to(root.absolute()).as_posix()
    try:
        found = ImageFile(name, below(root, name))
    except DataError as error:
        return Found((), f"image {name}: {error}")
    return Found((found,), None if path.is_file() else f"image {name}: {path} does not exist")


def _listed(columns: str | Sequence[str]) -> list[str]:
    return list(filter(None, [columns] if isinstance(columns, str) else columns))


def _mistakes(row: Mapping[str, Any], columns: Iterable[str], good: Callable[[Any], bool]) -> Iterator[str]:
    for column in filter(None, columns):
        if column not in row:
            yield f"the key {column!r} is missing.{nearest(column, row)}"
        elif not good(row[column]):
            yield f"{column!r}: expected text or a number, found {describe(row[column])}"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _is_answer(value: Any) -> bool:
    return _is_scalar(value) or (isinstance(value, list) and bool(value) and all(map(_is_scalar, value)))


def _is_image(value: Any) -> bool:
    return _is_scalar(value) or (isinstance(value, Mapping) and bool(value.get("bytes") or value.get("path")))


def _texts(value: Any) -> list[str]:
    return list(map(_text, value if isinstance(value, list) else [value]))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
