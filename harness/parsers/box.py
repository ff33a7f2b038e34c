"""Answers that are boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from harness.boxes import Frame, Size, around, clipped, convert, resized, rotated, sides
from harness.errors import ConfigurationError, SampleError, nearest
from harness.images import image_size
from harness.masks import box_of, checked
from harness.parsers.box_spellings import FAMILIES, Family, Order, Spoken, describe, family, spoken
from harness.parsers.text import quoted, without_thoughts
from harness.records import Box, Prediction, Response, Sample, Target

FROM_MASKS = "the boxes around its masks"


@dataclass(frozen=True)
class BoxParser:
    """Reads the boxes of an answer.

    They are, in this order: the boxes that the model gives as numbers (pixels); those of its words; those around its
    masks, which is said in the prediction's text. In words a box is `{<x0><y0><x1><y1>}`, with `|<angle>` before the
    brace where it is turned; `[x0, y0, x1, y1]`, alone, in lists, in JSON under any key (Qwen's `bbox_2d`), or in
    `<box>` (InternVL); `(x0,y0),(x1,y1)` (Qwen-VL); `(x0, y0, x1, y1)`; four `<loc0000>` (PaliGemma); the corners of a
    polygon; or nothing but four numbers. Thoughts are left out; where there is an `<answer>`, only the last is read.

    The frame that numbers are counted in is declared, by the task or by the model's family, and never guessed. Pixels
    are those of the image as stored, or of the picture that the response says the model saw, counted back. An
    answer is `unparsed`, with the reason, when corners are swapped, a number is out of its frame, not finite, or
    one too few or too many.

    >>> parser = BoxParser(frame="0-1000", scored_in="0-1000")
    >>> parser.parse(Response(text="<box>[[10, 20, 500, 600]]</box>"), Sample("1", (), {}, Target())).boxes
    ((10.0, 20.0, 500.0, 600.0),)
    >>> parser.parse(Response(text="[500, 20, 10, 600]"), Sample("1", (), {}, Target())).reason
    "the corners are swapped: x goes from 500 to 10 in '[500, 20, 10, 600]'"

    Attributes:
        frame: what the answer's numbers count: `pixels` of the image as stored, or `0-1`, `0-100`, `0-1000`, `0-1024`
            over its sides.
        order: what four numbers are: `xyxy`, `xywh` (left, top, width, height) or `yxyx`.
        family: how a family of models writes boxes, in the place of `frame` and `order`, see
            `harness.parsers.box_spellings.FAMILIES`. A model may declare its own, which goes before the task's.
        scored_in: the frame of the reader's boxes, in which they are scored.
        several: what several boxes in one answer mean: `first` keeps the first, `all` keeps all.

    Raises:
        ConfigurationError: the family is unknown.
    """

    frame: Frame = "pixels"
    order: Order = "xyxy"
    family: str | None = None
    scored_in: Frame = "pixels"
    several: Literal["first", "all"] = "first"

    def __post_init__(self) -> None:
        if self.family is not None and self.family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise ConfigurationError(
                f"parser 'box': unknown family {self.family!r}.{nearest(self.family, FAMILIES)} Known: {known}."
            )

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the answer's boxes; `unparsed` with the reason when they cannot be read, `empty` without an answer.

        Raises:
            SampleError: the image's size is needed and cannot be had.
        """
        size = self._size(response, sample)
        try:
            boxes, said = self._boxes(response, size)
        except SampleError as error:
            return Prediction("unparsed", str(error))
        if not boxes:
            return _nothing(response)
        kept = boxes[:1] if self.several == "first" else boxes
        left = f"; the first of {len(boxes)} is kept" if len(kept) < len(boxes) else ""
        return Prediction("ok", text=f"{said}{left}", boxes=kept, stand_in=FROM_MASKS if said == FROM_MASKS else None)

    def target(self, sample: Sample) -> Target:
        """Returns the true boxes.

        Raises:
            SampleError: one of them is not finite or has its corners swapped.
        """
        for box in sample.target.boxes:
            _check_corners(box, f"the data set's own box {box}")
        return sample.target

    def _family(self, response: Response) -> Family:
        declared = response.box_family or self.family
        return family(declared) if declared else Family(self.frame, self.order)

    def _size(self, response: Response, sample: Sample) -> Size | None:
        """The image's height and width, read only where pixels are to be checked or counted."""
        spoken_in = "seen" if response.seen else self._family(response).frame
        frames = {self.scored_in, spoken_in}
        if response.boxes or response.masks:
            frames.add("pixels")
        if "pixels" not in frames:
            return None
        if sample.images:
            return image_size(sample.images[0])
        if frames == {"pixels"}:
            return None
        raise SampleError(
            "boxes are to be counted in pixels, which needs the image's size, and the sample has no image"
        )

    def _boxes(self, response: Response, size: Size | None) -> tuple[tuple[Box, ...], str]:
        if response.boxes:
            boxes = [self._scored(_in_frame(box, "pixels", size, str(box)), "pixels", size) for box in response.boxes]
            return tuple(boxes), f"{len(boxes)} box{'es' if len(boxes) != 1 else ''}, given as numbers"
        found = self._family(response)
        text = without_thoughts(response.text)
        groups = spoken(text, found)
        seen = response.seen if found.frame == "pixels" else None
        if groups:
            boxes = [
                self._counted(upright(group, found, seen or size, text), found.frame, seen, size) for group in groups
            ]
            return tuple(boxes), f"{describe(groups)}, counted in {found.frame}"
        around_masks = [box for mask in response.masks if (box := box_of(checked(mask)))]
        return tuple(self._scored(box, "pixels", size) for box in around_masks), FROM_MASKS

    def _counted(self, box: Box, frame: Frame, seen: Size | None, size: Size | None) -> Box:
        """A spoken box as it is scored; `seen` is the picture whose pixels it counts, where that is another."""
        if seen and size and self.scored_in == "pixels":
            return resized(box, seen, size)
        return self._scored(box, frame, seen or size)

    def _scored(self, box: Box, frame: Frame, size: Size | None) -> Box:
        return convert(box, frame, self.scored_in, size)


def _nothing(response: Response) -> Prediction:
    if response.masks:
        return Prediction("empty", response.reason or "the answer speaks no box, and its masks have no pixel")
    if without_thoughts(response.text).strip():
        return Prediction("unparsed", f"expected a box, found {quoted(response.text)}")
    return Prediction("empty", response.reason or "the answer is empty")


def upright(group: Spoken, found: Family, size: Size | None, text: str) -> Box:
    """Returns the upright box of what was spoken, in the family's frame.

    Args:
        group: the numbers.
        found: their frame and order.
        size: the image's height and width in pixels, where known.
        text: the answer, for messages.

    Raises:
        SampleError: a number is out of the frame, or corners are swapped.
    """
    if len(group.numbers) > 4:
        points = list(zip(group.numbers[::2], group.numbers[1::2], strict=True))
        return _in_frame(around(points), found.frame, size, text)
    box = _ordered(group.numbers, found.order)
    if group.angle is None:
        return _in_frame(box, found.frame, size, text)
    return _turned(box, group.angle, found.frame, size, text)


def _turned(box: Box, angle: float, frame: Frame, size: Size | None, text: str) -> Box:
    """The upright box around a turned one, within the image; before it is turned, a box may reach beyond."""
    _check_corners(box, text)
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    _in_frame((*middle, *middle), frame, size, text)
    upright_box = rotated(convert(box, frame, "pixels", size) if size else box, angle)
    back = convert(upright_box, "pixels", frame, size) if size else upright_box
    return back if frame == "pixels" and size is None else clipped(back, *sides(frame, size))


def _ordered(numbers: Sequence[float], order: Order) -> Box:
    a, b, c, d = numbers
    match order:
        case "xyxy":
            return a, b, c, d
        case "xywh":
            return a, b, a + c, b + d
        case "yxyx":
            return b, a, d, c


def _in_frame(box: Box, frame: Frame, size: Size | None, text: str) -> Box:
    _check_corners(box, text)
    if frame == "pixels" and size is None:
        if min(box) < 0:
            raise SampleError(f"a coordinate of {min(box):g} lies outside the image in {quoted(text)}")
        return box
    width, height = sides(frame, size)
    if frame != "0-1" and max(box) <= 1 and any(value != int(value) for value in box):
        raise SampleError(
            f"the numbers look like shares of the image's sides, and they are to be counted in {frame}, in "
            f"{quoted(text)}. Declare the frame 0-1, or the model's family."
        )
    for value, limit in zip(box, (width, height, width, height), strict=True):
        if not 0 <= value <= limit:
            raise SampleError(f"a coordinate of {value:g} is out of its frame, 0 to {limit:g}, in {quoted(text)}")
    return box


def _check_corners(box: Box, text: str) -> None:
    if not all(map(isfinite, box)):
        raise SampleError(f"a number of the box is not finite in {quoted(text)}")
    for axis, (low, high) in {"x": (box[0], box[2]), "y": (box[1], box[3])}.items():
        if high < low:
            raise SampleError(f"the corners are swapped: {axis} goes from {low:g} to {high:g} in {quoted(text)}")
