"""Puts questions about pictures and scenes to a model, in batches, and gathers what it says of each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Unpack

from PIL import Image

from geopix.image_processing import ImageInput
from geopix.prediction.inputs import InputImage, Question
from geopix.prediction.merging import Box, TileAnswer, merge_boxes, merge_masks
from geopix.prediction.scene_masks import SceneMask
from geopix.prediction.scenes import Reading, Scene, Sight, open_scene
from geopix.prediction.tiles import Tiling, Window, whole
from geopix.predictor import Answer, Asking
from harness.errors import SampleError

if TYPE_CHECKING:
    from geopix.prediction.georeferenced import Georeference

#: COCO's run-length encoding counts pixels in 32 bits, one of them for the sign.
MOST_SCENE_PIXELS = 2**31
Status = Literal["ok", "unparsed", "empty", "failed"]


class Answerer(Protocol):
    """What is asked: `geopix.predictor.GeoPix`, or a part in its place."""

    def respond_batch(self, requests: Sequence[tuple[ImageInput, str]], **asking: Unpack[Asking]) -> list[Answer]:
        """Answers questions, each about a picture; one answer a request, in order."""


@dataclass(frozen=True)
class Manner:
    """How pictures are read and the model is asked.

    Attributes:
        reading: how GeoTIFFs become RGB.
        tiling: how a scene is cut; None looks at it whole.
        batch_size: questions asked at a time.
        overlay_side: pixels a side that are kept of the picture at most, to draw on; 0 keeps nothing.
        max_new_tokens: the longest answer.
        memory_class: the class whose memory is read; predicted when None.
    """

    reading: Reading = field(default_factory=Reading)
    tiling: Tiling | None = None
    batch_size: int = 8
    overlay_side: int = 0
    max_new_tokens: int = 256
    memory_class: str | None = None

    def windows(self, width: int, height: int) -> Iterable[Window]:
        """Returns what of a picture is looked at, one after the other."""
        return self.tiling.windows(width, height) if self.tiling else whole(width, height)


@dataclass(frozen=True, eq=False)
class Seen:
    """What is kept of a picture when it is closed.

    Attributes:
        size: height and width in pixels.
        georeference: where it lies; None when the file does not say.
        notes: what was converted or left out when it was read.
        small: the picture to draw on; None when nothing is drawn.
    """

    size: tuple[int, int]
    georeference: "Georeference | None"
    notes: tuple[str, ...]
    small: Image.Image | None


@dataclass(frozen=True, eq=False)
class Finished:
    """All that the model says to one question about one picture.

    Attributes:
        image: the picture.
        question: the question.
        seen: what is known of the picture; None when it could not be opened.
        tiles: what was said of each window, those without data left out.
        failure: why there is no answer; None when there is one.
        masks: the targets, made whole over tiles, in the picture's pixels.
        boxes: x0 y0 x1 y1 in the picture's pixels: those spoken, or else those around the masks.
        box_source: "text", "masks" or "none", as in `geopix.predictor.Answer`.
    """

    image: InputImage
    question: Question
    seen: Seen | None
    tiles: tuple[TileAnswer, ...]
    failure: str | None
    masks: tuple[SceneMask, ...] = ()
    boxes: tuple[Box, ...] = ()
    box_source: Literal["text", "masks", "none"] = "none"

    @property
    def text(self) -> str | None:
        """The answer; None when there are several, one a tile."""
        return self.tiles[0].text if len(self.tiles) == 1 else None

    @property
    def tokens(self) -> int:
        """How many tokens were generated."""
        return sum(tile.tokens for tile in self.tiles)

    @property
    def status(self) -> Status:
        """How it ended: `unparsed` when segmentation tokens stand for no mask, `empty` without a word."""
        if self.failure is not None:
            return "failed"
        if any(tile.reason for tile in self.tiles):
            return "unparsed"
        return "ok" if any(tile.text for tile in self.tiles) else "empty"

    @property
    def reason(self) -> str | None:
        """Why it is not `ok`, in words."""
        if self.failure is not None or self.status == "ok":
            return self.failure
        if self.status == "empty":
            return "the model answered nothing"
        reasons = [(tile.window, tile.reason) for tile in self.tiles if tile.reason]
        if len(self.tiles) == 1:
            return reasons[0][1]
        return "; ".join(f"tile at {window.x},{window.y}: {reason}" for window, reason in reasons)


class Questioner:
    """Asks a model about pictures; of several questions about a window, each sees the same reading of it.

    Args:
        model: what is asked.
        manner: how.
        advance: called with the number of questions that are done with; a question counts once a tile.
    """

    def __init__(self, model: Answerer, manner: Manner, advance: Callable[[int], None] = lambda _: None) -> None:
        self._model = model
        self._manner = manner
        self._advance = advance
        self._waiting: dict[str, list[_Request]] = {}

    def answers(self, work: Iterable[tuple[InputImage, Sequence[Question]]]) -> Iterator[Finished]:
        """Yields what was said to every question about every picture, as they come to an end.

        A picture that cannot be read, and a question that cannot be asked, end with a `failure`; the others go on.

        Raises:
            EnvironmentProblem: an extra is missing, or the device has no memory for one question.
        """
        for image, questions in work:
            pairs = [_Pair(image, question) for question in questions]
            try:
                with open_scene(image.path, self._manner.reading) as scene:
                    yield from self._look(scene, pairs)
            except SampleError as error:
                for pair in pairs:
                    pair.failure = str(error)
                    yield pair.finished()
                    self._advance(1)
        for task in list(self._waiting):
            yield from self._ask(task)

    def _look(self, scene: Scene, pairs: Sequence["_Pair"]) -> Iterator[Finished]:
        if scene.width * scene.height > MOST_SCENE_PIXELS:
            raise SampleError(
                f"{pairs[0].image.path}: {scene.width} x {scene.height} pixels are more than masks can be written for "
                f"({MOST_SCENE_PIXELS:,}). Cut the scene into files."
            )
        seen = self._seen(scene)
        for pair in pairs:
            pair.seen = seen
        for window in self._manner.windows(scene.width, scene.height):
            sight = scene.read(window)
            if sight.valid is not None and not sight.valid.any():
                self._advance(len(pairs))
                continue
            for pair in pairs:
                yield from self._wait(_Request(pair, window, sight, seen.size))
        for pair in pairs:
            pair.read = True
            if pair.ended:
                pair.failure = pair.failure or pair.without_data()
                yield pair.finished()

    def _seen(self, scene: Scene) -> Seen:
        small = scene.small(self._manner.overlay_side) if self._manner.overlay_side else None
        return Seen((scene.height, scene.width), scene.georeference, scene.notes, small)

    def _wait(self, request: "_Request") -> Iterator[Finished]:
        request.pair.waiting += 1
        queue = self._waiting.setdefault(request.pair.question.task, [])
        queue.append(request)
        if len(queue) >= self._manner.batch_size:
            yield from self._ask(request.pair.question.task)

    def _ask(self, task: str) -> Iterator[Finished]:
        batch = self._waiting.pop(task)
        # Those of a picture that turned out damaged further on are not asked any more.
        self._respond([request for request in batch if request.pair.failure is None])
        for request in batch:
            request.pair.waiting -= 1
            if request.pair.read and request.pair.ended:
                yield request.pair.finished()
        self._advance(len(batch))

    def _respond(self, batch: Sequence["_Request"]) -> None:
        if not batch:
            return
        try:
            answers = self._model.respond_batch(
                [(request.sight.picture, request.pair.question.text) for request in batch],
                task=batch[0].pair.question.task,
                max_new_tokens=self._manner.max_new_tokens,
                memory_class=self._manner.memory_class,
            )
        except SampleError as error:
            if len(batch) == 1:
                batch[0].pair.failure = f"{batch[0].pair.image.path}: {error}"
            else:
                for request in batch:
                    self._respond([request])
            return
        for request, answer in zip(batch, answers, strict=True):
            request.pair.tiles.append(request.read(answer))


@dataclass(eq=False)
class _Pair:
    """A picture and a question, while tiles are asked."""

    image: InputImage
    question: Question
    seen: Seen | None = None
    tiles: list[TileAnswer] = field(default_factory=list)
    failure: str | None = None
    waiting: int = 0
    read: bool = False

    @property
    def ended(self) -> bool:
        return self.waiting == 0

    def without_data(self) -> str | None:
        return (
            None if self.tiles else f"{self.image.path}: no pixel of it has data. Check its nodata value and its mask."
        )

    def finished(self) -> Finished:
        if self.failure is not None:
            return Finished(self.image, self.question, self.seen, (), self.failure)
        masks, spoken = merge_masks(self.tiles), merge_boxes(self.tiles)
        boxes = spoken or tuple(map(_around, masks))
        source: Literal["text", "masks", "none"] = "text" if spoken else "masks" if masks else "none"
        return Finished(self.image, self.question, self.seen, tuple(self.tiles), None, masks, boxes, source)


@dataclass(frozen=True, eq=False)
class _Request:
    """A question about one window."""

    pair: _Pair
    window: Window
    sight: Sight
    size: tuple[int, int]

    def read(self, answer: Answer) -> TileAnswer:
        """What the model said, in the whole picture's pixels; a mask has no pixel where there is no data."""
        masks = answer.masks if self.sight.valid is None else answer.masks & self.sight.valid
        x, y = self.window.x, self.window.y
        spoken = answer.boxes.tolist() if answer.box_source == "text" else []
        return TileAnswer(
            self.window,
            answer.text,
            answer.tokens,
            answer.reason,
            tuple(SceneMask.placed(mask, self.window, self.size) for mask in masks),
            tuple((x0 + x, y0 + y, x1 + x, y1 + y) for x0, y0, x1, y1 in spoken),
        )


def _around(mask: SceneMask) -> Box:
    box = mask.window
    return (box.x, box.y, box.right, box.bottom) if box else (0, 0, 0, 0)
