"""The values that pass between the stages of an evaluation; the only types stages exchange.

A reader makes a `Sample`, a prompt template and the sample make a `Request`, a model turns it into a `Response`, a
parser reads that into a `Prediction`, metrics score it, and all of it is kept as one `Record`, one JSON line a sample.

Coordinates are pixels of the image as stored: x to the right, y down, the origin at the upper left corner. A box is
(x0, y0, x1, y1) with x1 and y1 exclusive; where a benchmark scores boxes in a frame of its own, hundredths of the
image's sides for example, the right and the read boxes are in that frame, which the task's parser names. A mask is a
COCO run-length encoding over (height, width).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

# Records and what they hold have no slots: orjson writes an object's dictionary twice as fast as its slots.

Status = Literal["ok", "unparsed", "empty", "failed"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Mask:
    """A binary mask as COCO compressed run-length encoding.

    Attributes:
        size: height and width in pixels.
        counts: the run lengths, column by column, in COCO's compressed text form.
    """

    size: tuple[int, int]
    counts: str


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image of a data set, read only when a model asks for its pixels.

    Attributes:
        id: the data set's own id of the image; questions of one image share it.
        path: where the file is; already checked to lie below the data root.
    """

    id: str
    path: Path


@dataclass(frozen=True)
class Target:
    """What a right answer is.

    Attributes:
        texts: accepted answers or reference captions; the first is the one shown.
        masks: the true masks, one an object; an empty tuple where the task has no masks.
        boxes: the true boxes.
    """

    texts: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a data set together with its right answer.

    Attributes:
        id: unique within the task and stable between releases of the data's files.
        images: the image, or images, the question is about.
        fields: the values a prompt template may use, `question` or `expression` for example.
        target: what a right answer is.
        tags: names by which scores are sliced, `type` or `category` for example.
        defect: why the sample cannot be used, found by the reader; such a sample is recorded as failed and never asked.
    """

    id: str
    images: tuple[ImageFile, ...]
    fields: Mapping[str, str]
    target: Target
    tags: Mapping[str, str] = field(default_factory=dict)
    defect: str | None = None

    @property
    def image_id(self) -> str:
        """The id of the first image: the usual cluster of questions that are not independent."""
        return self.images[0].id if self.images else self.id


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked.

    Attributes:
        sample_id: the sample the answer belongs to.
        images: the images to look at, in the prompt's order.
        prompt: the task's words. A model family adds its own around them.
        capability: what kind of answer is wanted: vqa, caption, classify, refer, segment or choose.
        generation: `max_new_tokens`, `temperature` and the like, from the task file.
    """

    sample_id: str
    images: tuple[ImageFile, ...]
    prompt: str
    capability: str
    generation: Mapping[str, Any]


@dataclass(frozen=True)
class Response:
    """What a model answered, untouched.

    Attributes:
        text: the answer's words.
        masks: masks at the image's own size, in the order the answer names them.
        boxes: boxes in pixels of the image, where the model gives them as numbers and not as words.
        seconds: time spent on this answer (a batch's time shared evenly).
        tokens: generated tokens, where the model counts them.
        reason: what the model has to say about an answer that it could not finish.
        box_family: how the boxes of its words are written, where the model declares it: a name of
            `harness.parsers.box_spellings.FAMILIES`.
        seen: height and width of the picture that the model saw, where its words count boxes in that picture's pixels
            and not in those of the image as stored.
        prompt_tokens: tokens of the question with its images, where the model counts them.
        cost: what the answer cost in this run, in the currency of the prices that the user gave; None without prices.
        cached: whether it is an answer that another run was given, from the cache that runs share.
    """

    text: str = ""
    masks: tuple[Mask, ...] = ()
    boxes: tuple[Box, ...] = ()
    seconds: float | None = None
    tokens: int | None = None
    reason: str | None = None
    box_family: str | None = None
    seen: tuple[int, int] | None = None
    prompt_tokens: int | None = None
    cost: float | None = None
    cached: bool = False


@dataclass(frozen=True)
class Prediction:
    """What a parser made of a response.

    Attributes:
        status: `ok`; `unparsed` when the answer could not be read (scored as wrong); `empty` when nothing was answered;
            `failed` when the sample could not be asked at all (not scored).
        reason: why the status is not `ok`, in words; with `ok`, what the parser did with an answer that is not given as
            expected, such as uniting its masks.
        text: the answer in the task's own terms.
        masks: the masks that are scored.
        boxes: the boxes that are scored.
        stand_in: what is scored in the place of something that the answer does not have: `the boxes around its masks`
            for example.
        no_target: whether the answer says in words that what was asked for is not there; None where it says nothing of
            it, and its masks or boxes alone tell.
    """

    status: Status
    reason: str | None = None
    text: str | None = None
    masks: tuple[Mask, ...] = ()
    boxes: tuple[Box, ...] = ()
    stand_in: str | None = None
    no_target: bool | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a judge is asked about one answer.

    Attributes:
        prompt: all of the words.
        raw: whether the words go to the model as they are, without a chat template around them.
        max_new_tokens: upper bound on the judge's tokens.
        probabilities: whether the probabilities of its first token are wanted.
        attempt: 0, or how often the judge was asked before and said what could not be read.
    """

    prompt: str
    raw: bool = False
    max_new_tokens: int = 100
    probabilities: bool = False
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said.

    Attributes:
        text: its words.
        probabilities: the most probable first tokens with their probabilities, where they were asked for.
        model: the model that answered, with its version, as it names itself.
    """

    text: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """One sample as metrics see it that score all samples together.

    Attributes:
        target: the right answer in the parser's terms; as the data set has it where the sample failed.
        prediction: what the parser made of the answer; its status may be `failed` here.
        tags: names by which scores are sliced.
        images: the images the question is about.
    """

    target: Target
    prediction: Prediction
    tags: Mapping[str, str] = field(default_factory=dict)
    images: tuple[ImageFile, ...] = ()


@dataclass(frozen=True)
class Record:
    """All that is known of one sample after the run; one line of `records.jsonl`.

    Attributes:
        key: digest of checkpoint, task, sample, image bytes, prompt and generation settings. A response may be
            reused only under the same key.
        sample_id: the sample's id.
        cluster: the value samples are resampled by; samples that share it are not independent.
        images: the images' ids, in order.
        image_files: the images' paths relative to the data root, in the same order.
        prompt: the prompt as the task rendered it.
        fields: the sample's template values.
        target: the right answer in the parser's terms.
        response: the raw answer; None when the sample failed before it was answered.
        prediction: what the parser made of it.
        statistics: each metric's sufficient statistics, by the metric's name in the task; empty when the sample failed.
        tags: names by which scores are sliced.
        raw_target: the data set's own right answer, where the parser reads it otherwise than it stands; None where it
            is the same as `target`. Records of format 1 do not keep it.
        verdicts: what a judge said, by the metric's name in the task, or why it said nothing.
    """

    key: str
    sample_id: str
    cluster: str
    images: tuple[str, ...]
    image_files: tuple[str, ...]
    prompt: str
    fields: Mapping[str, str]
    target: Target
    response: Response | None
    prediction: Prediction
    statistics: Mapping[str, Mapping[str, float]]
    tags: Mapping[str, str]
    raw_target: Target | None = None
    verdicts: Mapping[str, str] = field(default_factory=dict)
