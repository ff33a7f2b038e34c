"""Plain conversations: JSON Lines, one line an image with what is asked and answered about it, and its masks.

docs/training-data.md describes the format.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import Field, ValidationError

from geopix.boxes import BOX
from geopix.processing import SEG
from geopix.training.control import control_tokens
from geopix.training.mixture import LeftOut
from geopix.training.samples import SHOWN, settle
from geopix.training.schema import Source, Strict
from geopix.training.turns import Lesson, Turn
from harness.errors import DataError, SampleError
from harness.images import image_size
from harness.located_yaml import KeyPath, Problem, dotted
from harness.masks import from_json, from_polygons, union
from harness.readers.gallery import Gallery
from harness.readers.mask_files import read_mask
from harness.readers.tables import describe
from harness.records import ImageFile, Mask
from harness.spec import explain

FORMS = (("size", "counts"), ("polygons",), ("file",))


class MaskLine(Strict):
    """A mask: COCO's run lengths (`size` and `counts`), `polygons`, or the `file` of a picture."""

    size: Any = None
    counts: Any = None
    polygons: list[list[float]] | None = Field(default=None, min_length=1)
    file: str | None = None
    category: str = ""


class Said(Strict):
    """What one of the two says."""

    role: Literal["user", "assistant"]
    text: str = Field(min_length=1)
    task: Literal["segment", "refer", "caption", "vqa"] | None = None
    masks: tuple[MaskLine, ...] = ()


class Line(Strict):
    """A line of the file."""

    image: str = Field(min_length=1)
    id: str | None = None
    turns: list[Said] = Field(min_length=2)


@dataclass(frozen=True)
class ConversationFile:
    """A file of conversations as a data set.

    Attributes:
        source: what the recipe says of it.
        path: the file; its images and masks lie below its folder.
        on_defect: `stop` or `skip` conversations about images that are not there or cannot be read.
    """

    source: Source
    path: Path
    on_defect: str = "stop"

    @property
    def name(self) -> str:
        """The file, as the recipe names it."""
        return str(self.source.conversations)

    def lessons(self, skipped: list[LeftOut]) -> Iterator[Lesson]:
        """Yields every image with its conversations, in the order in which the file first names them.

        Raises:
            DataError: lines contradict the format; all that are wrong. Or there is none, or images are missing and the
                policy is to stop.
        """
        reading = _Reading(self.path)
        reading.read()
        settle(reading.left, self.path, reading.count, self.on_defect, skipped)
        if not reading.turns:
            raise DataError(f"{self.path}: there is no conversation in it that can be taught.")
        for image, turns in reading.turns.items():
            yield Lesson(image, tuple(turns), self.source.weight, self.source.augment)


@dataclass
class _Reading:
    """The reading of one file.

    Attributes:
        path: the file.
        turns: the conversations of each image.
        left: conversations that cannot be taught, for the sake of their image.
        problems: mistakes of the file.
        ids: the line of each id.
        count: conversations read.
    """

    path: Path
    turns: dict[ImageFile, list[Turn]] = field(default_factory=dict)
    left: list[LeftOut] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def read(self) -> None:
        """Reads all lines.

        Raises:
            DataError: the file cannot be read, or lines contradict the format.
        """
        gallery = Gallery(self.path.parent, ".")
        try:
            with self.path.open("rb") as file:
                for number, text in enumerate(file, 1):
                    if text.strip():
                        self.count += 1
                        self._line(number, text, gallery)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}") from error
        if self.problems:
            more = [f"and {len(self.problems) - SHOWN} more"] if len(self.problems) > SHOWN else []
            raise DataError(
                "\n".join([*map(str, self.problems[:SHOWN]), *more, "docs/training-data.md describes the format."])
            )

    def _line(self, number: int, text: bytes, gallery: Gallery) -> None:
        line = self._parsed(number, text)
        if line is None or not self._is_conversation(number, line):
            return
        name = line.id or f"line {number}"
        if name in self.ids:
            self._note(number, ("id",), f"{name!r} is that of line {self.ids[name]} already; give each its own")
        self.ids[name] = number
        found = gallery.find(line.image, line.image)
        if not found.images:
            self._note(number, ("image",), found.defect or "cannot be used")
        elif found.defect:
            self.left.append(LeftOut(f"{self.path}:{number}: {name}: {found.defect}", line.image))
        else:
            self._teach(number, name, line, found.images[0])

    def _parsed(self, number: int, text: bytes) -> Line | None:
        try:
            data = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            self._note(number, (), f"not valid JSON: {error}")
            return None
        if not isinstance(data, dict):
            self._note(number, (), f"expected an object, found {describe(data)}")
            return None
        try:
            return Line.model_validate(data)
        except ValidationError as error:
            for detail in error.errors():
                self._note(number, detail["loc"], explain(detail, _known(detail["loc"])))
            return None

    def _is_conversation(self, number: int, line: Line) -> bool:
        """Whether the two speak in turns and say what can be taught; notes what is wrong."""
        before = len(self.problems)
        for place, said in enumerate(line.turns):
            expected = ("user", "assistant")[place % 2]
            for key, message in _mistakes(said, expected):
                self._note(number, ("turns", place, key), message)
        if len(line.turns) % 2:
            self._note(number, ("turns",), "the last word is the user's; expected an answer to it")
        return len(self.problems) == before

    def _teach(self, number: int, name: str, line: Line, image: ImageFile) -> None:
        try:
            size = image_size(image)
        except SampleError as error:
            self.left.append(LeftOut(f"{self.path}:{number}: {name}: {error}"))
            return
        before = len(self.problems)
        asked = [
            self._turn(number, name, place, line.turns[place : place + 2], size)
            for place in range(0, len(line.turns), 2)
        ]
        if len(self.problems) == before:
            self.turns.setdefault(image, []).append(replace(asked[0], then=tuple(asked[1:])))

    def _turn(self, number: int, name: str, place: int, said: Sequence[Said], size: tuple[int, int]) -> Turn:
        question, answer = said
        masks = []
        for index, written in enumerate(answer.masks):
            try:
                masks.append(self._mask(written, size))
            except (SampleError, DataError) as error:
                self._note(number, ("turns", place + 1, "masks", index), str(error))
        return Turn(
            capability=question.task or _capability(answer),
            question=question.text,
            answer=answer.text,
            masks=tuple(masks),
            classes=tuple(written.category for written in answer.masks),
            id=name,
        )

    def _mask(self, written: MaskLine, size: tuple[int, int]) -> Mask:
        given = [key for key in ("size", "counts", "polygons", "file") if getattr(written, key) is not None]
        if tuple(given) not in FORMS:
            raise SampleError(
                "a mask is `size` with `counts`, or `polygons`, or `file`; "
                f"found {' and '.join(map(repr, given)) or 'none of them'}"
            )
        if written.polygons is not None:
            return union(from_polygons(size, written.polygons))
        if written.file is not None:
            mask = read_mask(self._beside(written.file))
        else:
            mask = from_json({"size": written.size, "counts": written.counts})
        if mask.size != size:
            raise SampleError(
                f"the mask has {mask.size[0]} x {mask.size[1]} pixels and its image {size[0]} x {size[1]}"
            )
        return mask

    def _beside(self, name: str) -> Path:
        found = Gallery(self.path.parent, ".").find(name, name)
        if found.defect:
            raise SampleError(f"its mask: {found.defect}")
        return found.images[0].path

    def _note(self, number: int, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.path, number, dotted(path), message))


def _mistakes(said: Said, expected: str) -> Iterator[tuple[str, str]]:
    if said.role != expected:
        yield "role", f"expected {expected!r}, found {said.role!r}: the two speak in turns, the user first"
        return
    if tokens := control_tokens([said.text], masks=True):
        yield (
            "text",
            f"{' and '.join(tokens)} may not stand in it; the image comes first by itself, and a mask is {SEG}",
        )
    if not said.text.strip():
        yield "text", "there is nothing but space in it"
    places = said.text.count(SEG)
    if said.role == "user" and (places or said.masks):
        yield "text", f"only the assistant may say {SEG} and have masks"
    elif places != len(said.masks):
        yield "masks", f"{len(said.masks)} masks for {places} places {SEG} in the text; each place needs one, in order"
    if said.role == "assistant" and said.task:
        yield "task", "it belongs to the question, not to the answer"


def _capability(answer: Said) -> str:
    """What kind of question an answer shows it to be."""
    if answer.masks:
        return "segment"
    return "refer" if BOX.search(answer.text) else "vqa"


def _known(path: KeyPath) -> list[str]:
    model: type[Strict] = MaskLine if "masks" in path[:-1] else Said if "turns" in path[:-1] else Line
    return list(model.model_fields)
