"""JSON Lines: one object a line, with keys that the task file names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError, SampleError, nearest
from harness.masks import from_json
from harness.paths import below
from harness.readers.gallery import Found, Gallery
from harness.readers.tables import Problems, describe, missing
from harness.records import Mask, Sample, Target


@dataclass(frozen=True)
class JsonLinesReader:
    """Reads samples from a JSON Lines file whose keys are named here.

    A value may be text, a number or true/false. Blank lines are skipped. An image that is not there, or leaves its
    folder, and a mask that is malformed make a `defect`.

    Attributes:
        file: the file below the data set's folder.
        fields: a prompt field's name to the key that holds it; `question` from `question` by default.
        target: the key of the right answer, or of a list of accepted ones; none where empty.
        mask: the key of the true mask, `size` and `counts` in COCO's run-length encoding, or a list of such masks.
        id: the key of the sample's id; the line's number, from 1, where empty.
        image: the key of the image's file name; samples have no image where empty.
        images: the folder of the images below the data set's folder.
        tags: a tag's name to the key that holds it.
    """

    file: str
    fields: Mapping[str, str] = field(default_factory=lambda: {"question": "question"})
    target: str = ""
    mask: str = ""
    id: str = ""
    image: str = ""
    images: str = "."
    tags: Mapping[str, str] = field(default_factory=dict)

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields one sample a line, in the file's order.

        Raises:
            MissingDataError: the file or the folder of images is absent.
            DataError: lines that are no objects or lack a key, or an id that stands twice; all, by line and key.
        """
        path = below(root, self.file)
        if not path.is_file():
            raise missing(path, "the data set's lines")
        rows = self._rows(path)
        gallery = Gallery(root, self.images)
        for number, row in rows:
            yield self._sample(number, row, gallery)

    def _rows(self, path: Path) -> list[tuple[int, dict[str, Any]]]:
        problems = Problems(path)
        found = []
        seen: dict[str, int] = {}
        for number, line in enumerate(_content(path).split(b"\n"), 1):
            if line.strip() and (row := self._row(line, number, problems)):
                found.append((number, row))
                first = seen.setdefault(self._id(number, row), number)
                if first != number:
                    problems.add(f"line {number}", f"the id {self._id(number, row)!r} stands in line {first} already")
        problems.settle()
        return found

    def _row(self, line: bytes, number: int, problems: Problems) -> dict[str, Any] | None:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            problems.add(f"line {number}", f"not valid JSON: {error}")
            return None
        if not isinstance(row, dict):
            problems.add(f"line {number}", f"expected an object, found {describe(row)}")
            return None
        mistakes = [
            *_mistakes(row, self._scalars, _is_scalar),
            *_mistakes(row, [self.target], _is_answer),
            *_mistakes(row, [self.mask], lambda _: True),
        ]
        for mistake in mistakes:
            problems.add(f"line {number}", mistake)
        return None if mistakes else row

    @property
    def _scalars(self) -> list[str]:
        return [self.id, self.image, *self.fields.values(), *self.tags.values()]

    def _id(self, number: int, row: Mapping[str, Any]) -> str:
        return _text(row[self.id]) if self.id else str(number)

    def _sample(self, number: int, row: Mapping[str, Any], gallery: Gallery) -> Sample:
        found = gallery.find(_text(row[self.image]), _text(row[self.image])) if self.image else Found(())
        answers = row[self.target] if self.target else []
        masks, defect = self._masks(number, row)
        return Sample(
            id=self._id(number, row),
            images=found.images,
            fields={name: _text(row[key]) for name, key in self.fields.items()},
            target=Target(tuple(map(_text, answers if isinstance(answers, list) else [answers])), masks),
            tags={name: _text(row[key]) for name, key in self.tags.items()},
            defect=defect or found.defect,
        )

    def _masks(self, number: int, row: Mapping[str, Any]) -> tuple[tuple[Mask, ...], str | None]:
        if not self.mask:
            return (), None
        value = row[self.mask]
        try:
            return tuple(map(from_json, value if isinstance(value, list) else [value])), None
        except SampleError as error:
            return (), f"{self.file}: line {number}: {self.mask!r}: {error}"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _mistakes(row: Mapping[str, Any], keys: Sequence[str], good: Callable[[Any], bool]) -> Iterator[str]:
    for key in filter(None, keys):
        if key not in row:
            yield f"the key {key!r} is missing.{nearest(key, row)}"
        elif not good(row[key]):
            yield f"{key!r}: expected text or a number, found {describe(row[key])}"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _is_answer(value: Any) -> bool:
    return _is_scalar(value) or (isinstance(value, list) and bool(value) and all(map(_is_scalar, value)))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
