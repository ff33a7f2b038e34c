"""The object a user holds: pictures and words in; text, masks and boxes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from geopix.boxes import boxes_of_masks, parse_boxes
from geopix.chat import Turn
from geopix.checkpoint import DeviceMap, save_checkpoint
from geopix.choosing import chooser
from geopix.class_memory import ClassSelector, GivenClass, PredictedClass, UnknownClass
from geopix.conversation import Conversation
from geopix.devices import best_device
from geopix.halving import FittingBatch
from geopix.image_processing import MOST_PIXELS, ImageInput, to_rgb
from geopix.layers import resize
from geopix.model_card import write_card
from geopix.modeling import Generated, GeoPixForConditionalGeneration, Looked
from geopix.peft_adapters import load, source
from geopix.processing import GeoPixProcessor
from harness.errors import ConfigurationError, SampleError, nearest


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model says about one picture.

    Attributes:
        text: the answer; each mask's place reads `<SEG>`.
        masks: bool[N, H, W] at the picture's own size, in the order they are spoken.
        boxes: float32[K, 4], x0 y0 x1 y1 in pixels.
        box_source: "text" when the answer speaks boxes; else "masks" when they are drawn around the masks;
            else "none".
        tokens: how many tokens were generated, the end token included.
        reason: why some segmentation tokens of the answer stand for no mask; None when all do.
    """

    text: str
    masks: npt.NDArray[np.bool_]
    boxes: npt.NDArray[np.float32]
    box_source: Literal["text", "masks", "none"]
    tokens: int
    reason: str | None


class Asking(TypedDict, total=False):
    """How to ask; everything may be left out.

    Attributes:
        task: the identifier put before each question, a key of `geopix.processing.TASKS`; none when left out.
        max_new_tokens: the longest answer; 256.
        max_masks: the most masks of one answer; 32.
        temperature: 0, the default, takes the likeliest token; above it tokens are drawn.
        top_p: the nucleus that tokens are drawn from, in (0, 1]; 1.
        seed: of the drawing; 0. The same call with the same seed gives the same answers.
        memory_class: the class whose memory all targets read: a name, its index, or "unknown"; predicted for each
            target when None.
        history: what was said before, the same for each question; nothing when left out.
    """

    task: str | None
    max_new_tokens: int
    max_masks: int
    temperature: float
    top_p: float
    seed: int
    memory_class: str | int | None
    history: Sequence[Turn]


class GeoPix:
    """A loaded GeoPix.

    Args:
        model: the model; it is asked as it is (call `eval()` first).
        processor: its processor.
    """

    def __init__(self, model: GeoPixForConditionalGeneration, processor: GeoPixProcessor) -> None:
        self.model = model
        self.processor = processor
        self.fitting = FittingBatch()
        #: Gives a picture's pixels; whoever has decoded it already puts a function of its own here.
        self.open_picture: Callable[[ImageInput], Image.Image] = open_picture

    @classmethod
    def from_pretrained(
        cls,
        directory: str | Path,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        adapter: str | Path | None = None,
        device_map: DeviceMap | None = None,
    ) -> Self:
        """Loads a checkpoint folder.

        Args:
            directory: the folder; or that of a PEFT adapter, which names the checkpoint it belongs to.
            device: where the model runs; CUDA, MPS or the CPU, the first that there is, when None.
            dtype: the weights' type; the stored one when None.
            adapter: the folder of a PEFT adapter for the checkpoint.
            device_map: instead of `device`: "auto", or which part goes where (accelerate); "disk" is a place too.

        Raises:
            ConfigurationError: if the options contradict each other.
            EnvironmentProblem: if files are missing or damaged.
        """
        if device is not None and device_map is not None:
            raise ConfigurationError(f"give either device ({device}) or device_map ({device_map}), not both.")
        place = device or best_device()
        return cls(*load(source(directory, adapter), torch.device(place), dtype, device_map))

    def save_pretrained(self, directory: str | Path, max_shard_size: int | str = "2GB") -> Path:
        """Writes a whole checkpoint with its model card; `from_pretrained` reads it.

        Args:
            directory: the folder; made when it is not there.
            max_shard_size: how large a weight file may become, in bytes or as "5GB".

        Raises:
            ConfigurationError: an adapter lies beside the weights, or there is a card that people wrote.
            EnvironmentProblem: the card cannot be written.
        """
        if hasattr(self.model, "peft_config"):
            raise ConfigurationError(
                "an adapter lies beside this model's weights. `geopix merge ADAPTER OUT` writes both as one checkpoint."
            )
        folder = Path(directory)
        save_checkpoint(self.model, self.processor, folder, max_shard_size)
        write_card(folder)
        return folder

    def respond(self, image: ImageInput, text: str, **asking: Unpack[Asking]) -> Answer:
        """Answers one question about one picture; the options are those of `Asking`."""
        return self.respond_batch([(image, text)], **asking)[0]

    def respond_many(self, image: ImageInput, texts: Sequence[str], **asking: Unpack[Asking]) -> list[Answer]:
        """Answers several questions about one picture, which is read once; see `respond_batch`."""
        return self.respond_batch([(image, text) for text in texts], **asking)

    @torch.inference_mode()
    def respond_batch(self, requests: Sequence[tuple[ImageInput, str]], **asking: Unpack[Asking]) -> list[Answer]:
        """Answers a batch of questions, each about a picture; one picture object or path is read once.

        A batch that the device has no memory for is halved, with a warning, and so are all later ones.

        Args:
            requests: pairs of a picture (Pillow, numpy or path) and a question.
            **asking: see `Asking`.

        Returns:
            One answer per request, in order.

        Raises:
            SampleError: if a picture cannot be read, or a question is empty or too long.
            ConfigurationError: if the task or the class is unknown.
            EnvironmentProblem: if there is no memory for a single question.
        """
        self.check_questions([text for _, text in requests], asking)
        return self.fitting.ask(lambda part: self._respond(part, asking), requests)

    def _respond(self, requests: Sequence[tuple[ImageInput, str]], asking: Asking) -> list[Answer]:
        options = self.options(asking)
        index, first = _unique([image for image, _ in requests])
        pictures = [self.open_picture(image) for image in first]
        batch = self.processor(
            pictures, [text for _, text in requests], task=asking.get("task"), history=asking.get("history", ())
        )
        device = self.model.device
        generated = self.model.generate(
            batch["input_ids"].to(device),
            batch["pixel_values"].to(device, self.model.dtype),
            attention_mask=batch["attention_mask"].to(device),
            image_index=torch.tensor(index, device=device),
            **options,
        )
        return [self.answer(generated, row, pictures[image].size) for row, image in enumerate(index)]

    @torch.inference_mode()
    def look(self, image: ImageInput) -> "Look":
        """Reads a picture once, for any number of questions: `look(image).respond(["..", ".."])`.

        Raises:
            SampleError: if the picture cannot be read.
        """
        picture = self.open_picture(image)
        device = self.model.device
        pixels = self.processor.image_processor([picture])["pixel_values"].to(device, self.model.dtype)
        looked = self.model.look(torch.tensor([self.processor.encode_prefix()], device=device), pixels)
        return Look(self, looked, picture.size)

    def converse(self, image: ImageInput) -> Conversation:
        """Reads a picture once, for questions that may refer to the answers before them.

        Raises:
            SampleError: if the picture cannot be read.
        """
        return Conversation(self.look(image))

    def options(self, asking: Asking) -> dict[str, Any]:
        """Returns the model's own arguments for a way of asking.

        Raises:
            ConfigurationError: if the class is unknown.
        """
        return {
            "max_new_tokens": asking.get("max_new_tokens", 256),
            "max_masks": asking.get("max_masks", 32),
            "choose": chooser(asking.get("temperature", 0.0), asking.get("top_p", 1.0), asking.get("seed", 0)),
            "class_selector": self.selector(asking.get("memory_class")),
        }

    def check_questions(self, texts: Sequence[str], asking: Asking) -> None:
        """Refuses a question that says nothing, or for which the model's context has no room.

        Raises:
            SampleError: if a question is empty or too long; says which and by how much.
        """
        for number, text in enumerate(texts, 1):
            if problem := self.question_problem(text, asking.get("task"), asking.get("history", ())):
                raise SampleError(f"question {number} of {len(texts)} {problem}")

    def question_problem(self, text: str, task: str | None = None, history: Sequence[Turn] = ()) -> str | None:
        """Says why a question cannot be asked, "is empty .." for example; None when it can.

        Raises:
            ConfigurationError: if the task is unknown.
        """
        context = self.model.config.text_config.max_position_embeddings
        before = len(self.processor.encode_prefix())
        if not self.processor.question(text):
            return "is empty. Ask something in words."
        length = len(self.processor.encode_question(text, task, history))
        if before + length < context:
            return None
        said = f", what was said before it included ({len(history)} turns)" if history else ""
        return (
            f"takes {length} tokens{said}; with {before} for the image that is more than the model's context of "
            f"{context}. Shorten the question{said and ' or begin anew'}."
        )

    def answer(self, generated: Generated, row: int, size: tuple[int, int]) -> Answer:
        """Returns one row of what the model said as an answer about a picture of a size (width, height)."""
        width, height = size
        token_ids = generated.token_ids[row]
        text = self.processor.decode(token_ids)
        logits = generated.mask_logits[generated.mask_rows == row]
        masks = np.zeros((0, height, width), dtype=np.bool_)
        if len(logits):
            masks = (resize(logits[:, None].float(), height, width)[:, 0] > 0).cpu().numpy()
        spoken = parse_boxes(text, width, height)
        boxes = spoken if len(spoken) else boxes_of_masks(masks)
        source: Literal["text", "masks", "none"] = "text" if len(spoken) else "masks" if len(masks) else "none"
        return Answer(text, masks, boxes, source, len(token_ids), generated.reasons[row])

    def selector(self, memory_class: str | int | None) -> ClassSelector:
        """Returns which memory the targets read: predicted for each (None), the unknown class, or a known one.

        Raises:
            ConfigurationError: the model knows no such class; the nearest one is suggested.
        """
        if memory_class is None:
            return PredictedClass()
        if memory_class == "unknown":
            return UnknownClass()
        config = self.model.config
        names = config.memory_class_names or ()
        known: dict[str | int, int] = {i: i for i in range(config.unknown_class)}
        known |= {name: i for i, name in enumerate(names)}
        if memory_class not in known:
            raise ConfigurationError(
                f"memory_class: this model knows no class {memory_class!r}.{nearest(str(memory_class), names)} "
                f"Give one of {', '.join(names) or 'its numbers'} (0 to {config.unknown_class - 1}) or 'unknown'."
            )
        return GivenClass(torch.tensor(known[memory_class]))


class Look:
    """A picture that was read; made by `GeoPix.look`.

    Args:
        geopix: what answers.
        looked: the model's reading of the picture.
        size: the picture's width and height.
    """

    def __init__(self, geopix: GeoPix, looked: Looked, size: tuple[int, int]) -> None:
        self._geopix = geopix
        self._looked = looked
        self._size = size

    @property
    def looked(self) -> Looked:
        """The model's reading of the picture."""
        return self._looked

    @property
    def size(self) -> tuple[int, int]:
        """The picture's width and height."""
        return self._size

    @torch.inference_mode()
    def respond(self, texts: Sequence[str], **asking: Unpack[Asking]) -> list[Answer]:
        """Answers questions about the picture, side by side; says what `GeoPix.respond` says.

        Args:
            texts: the questions.
            **asking: see `Asking`.

        Raises:
            ConfigurationError: if the task or the class is unknown.
            EnvironmentProblem: if there is no memory for a single question.
        """
        self._geopix.check_questions(texts, asking)
        return self._geopix.fitting.ask(lambda part: self._respond(part, asking), texts)

    def _respond(self, texts: Sequence[str], asking: Asking) -> list[Answer]:
        geopix = self._geopix
        task, history = asking.get("task"), asking.get("history", ())
        questions = [geopix.processor.encode_question(text, task, history) for text in texts]
        batch, device = geopix.processor.pad(questions), geopix.model.device
        generated = geopix.model.answer(
            self._looked,
            batch["input_ids"].to(device),
            attention_mask=batch["attention_mask"].to(device),
            image_index=torch.zeros(len(texts), dtype=torch.long, device=device),
            **geopix.options(asking),
        )
        return [geopix.answer(generated, row, self._size) for row in range(len(texts))]


def _unique(images: Sequence[ImageInput]) -> tuple[list[int], list[ImageInput]]:
    """Which picture each request is about, and each picture once."""
    keys = [str(image) if isinstance(image, str | Path) else id(image) for image in images]
    order = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    first = dict(zip(reversed(keys), reversed(images), strict=True))
    return [order[key] for key in keys], [first[key] for key in order]


def open_picture(image: ImageInput) -> Image.Image:
    """Returns any picture in RGB.

    Raises:
        SampleError: it cannot be read.
    """
    try:
        return to_rgb(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        where = Path(image).resolve() if isinstance(image, str | Path) else f"the {type(image).__name__} given"
        if isinstance(error, Image.DecompressionBombError):
            raise SampleError(
                f"{where}: cannot be read as a picture: it has more than {MOST_PIXELS:,} pixels, the most that are "
                "decoded at once. Make it smaller, or cut it into tiles: see `geopix predict --tile`."
            ) from error
        raise SampleError(f"{where}: cannot be read as a picture: {error}. Check or replace the file.") from error
