"""GeoPix as a model of the harness: batches by image, its own words around a prompt, masks as RLE."""

import hashlib
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from PIL.Image import Image

from geopix.blind import BlankImages
from geopix.checkpoint import CARD_FILE, FINGERPRINTS_FILE, TRAINING_FILE
from geopix.image_processing import ImageInput
from geopix.mini import MINI
from geopix.peft_adapters import Source, source
from geopix.predictor import Answer, GeoPix, open_picture
from geopix.processing import TASKS
from geopix.sessions import Session
from harness.asking.read_ahead import ReadAhead
from harness.digests import lines_of_digests
from harness.errors import ConfigurationError, SampleError, nearest
from harness.masks import encode
from harness.records import ImageFile, Request, Response

OPTIONS = ("device", "device_map", "dtype", "batch_size", "memory_class", "images", "adapter")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
IMAGES = ("shown", "blank")
#: What a request says of how it is to be answered.
GENERATION: tuple[Literal["max_new_tokens", "temperature", "top_p"], ...] = ("max_new_tokens", "temperature", "top_p")

#: Requests at a time where none are typed: what is begun with, and what is tried at most.
DEFAULT_BATCH, LARGEST_BATCH = 16, 256

#: Capabilities without a released identifier of their own are asked as questions.
IDENTIFIERS = {capability: capability for capability in TASKS} | {"classify": "vqa", "choose": "vqa"}


@dataclass(frozen=True)
class GeoPixModel:
    """A GeoPix that answers requests.

    Attributes:
        geopix: the loaded model.
        name: its name in tables.
        digest: sha256 of the checkpoint's files and of the settings that change answers.
        settings: what a reader of the report should know.
        batch_size: requests answered at a time.
        largest_batch: the most that are worth trying at a time.
        memory_class: the class whose memory all targets read; predicted for each when None.
        session: keeps what the next batch may go on with.
        ahead: images that are decoded already.
    """

    geopix: GeoPix
    name: str
    digest: str
    settings: Mapping[str, str]
    batch_size: int = DEFAULT_BATCH
    largest_batch: int = DEFAULT_BATCH
    memory_class: str | None = None
    reads_images: bool = True
    session: Session = field(init=False, repr=False, compare=False)
    ahead: ReadAhead[Image] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "session", Session(self.geopix))
        object.__setattr__(self, "ahead", ReadAhead(_decoded))
        self.geopix.open_picture = self._open

    def read_ahead(self, requests: Sequence[Request]) -> None:
        """Decodes the images of the next batch."""
        self.ahead.fetch(image for request in requests for image in request.images)

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        """Answers requests of one task; an image that several are about is looked at once, over all batches.

        Raises:
            SampleError: an image cannot be read, or a request has none or several.
        """
        started = time.perf_counter()
        answers = self.session.respond_batch(
            [(self._picture(request), request.prompt) for request in requests],
            task=IDENTIFIERS[requests[0].capability],
            memory_class=self.memory_class,
            seed=_seed(requests),
            **{name: requests[0].generation[name] for name in GENERATION},
        )
        seconds = (time.perf_counter() - started) / len(requests)
        return [_response(answer, seconds) for answer in answers]

    def repeats(self, request: Request) -> bool:
        """Returns whether it would answer the same again; what it draws depends on the samples beside it."""
        return not request.generation["temperature"]

    def _open(self, image: ImageInput) -> Image:
        ready = self.ahead.ready(image) if isinstance(image, Path) else None
        return open_picture(image) if ready is None else ready

    def _picture(self, request: Request) -> Path:
        if len(request.images) != 1:
            raise SampleError(f"GeoPix looks at one image a question, and this sample has {len(request.images)}")
        return request.images[0].path


def _decoded(image: ImageFile) -> Image:
    return open_picture(image.path)


def _seed(requests: Sequence[Request]) -> int:
    """A seed of the batch's own: what is drawn for it does not depend on what was asked before it."""
    return zlib.crc32("\n".join(request.sample_id for request in requests).encode())


def _response(answer: Answer, seconds: float) -> Response:
    spoken = answer.boxes.tolist() if answer.box_source == "text" else []
    return Response(
        text=answer.text,
        masks=tuple(map(encode, answer.masks)),
        boxes=tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in spoken),
        seconds=seconds,
        tokens=answer.tokens,
        reason=answer.reason,
        box_family="geopix",
    )


def checkpoint(argument: str, options: Mapping[str, str]) -> GeoPixModel:
    """Returns the model of a checkpoint folder.

    Args:
        argument: the folder of a checkpoint, or of a PEFT adapter that names its base.
        options: device, or device_map (auto); dtype (float32, bfloat16, float16); batch_size; memory_class (a name, or
            unknown); images (shown, or blank for a blind run); adapter (the folder of a PEFT adapter).

    Raises:
        ConfigurationError: an unknown option or value.
        EnvironmentProblem: files are missing or damaged.
    """
    folder = Path(argument)
    return _load(folder, folder.resolve().name, options)


def shipped_mini(argument: str, options: Mapping[str, str]) -> GeoPixModel:
    """Returns geopix-mini, the small checkpoint that ships with the package; takes the options of `checkpoint`."""
    return _load(MINI, "geopix-mini", options)


def _load(folder: Path, name: str, options: Mapping[str, str]) -> GeoPixModel:
    for option in options:
        if option not in OPTIONS:
            raise ConfigurationError(
                f"GeoPix has no option {option!r}.{nearest(option, OPTIONS)} Known: {', '.join(OPTIONS)}."
            )
    dtype = DTYPES[_choice(options, "dtype", tuple(DTYPES), "float32")]
    images = _choice(options, "images", IMAGES, "shown")
    origin = source(folder, options.get("adapter"))
    geopix = GeoPix.from_pretrained(
        origin.base,
        device=options.get("device"),
        dtype=dtype,
        adapter=origin.adapter,
        device_map=options.get("device_map"),
    )
    geopix.selector(options.get("memory_class"))  # an unknown class is refused now and not at the first sample
    if images == "blank":
        geopix.processor.image_processor = BlankImages.like(geopix.processor.image_processor)
    settings = {
        "checkpoint": str(origin.base),
        "device": str(geopix.model.device),
        "dtype": str(geopix.model.dtype).removeprefix("torch."),
        "memory_class": options.get("memory_class", "predicted"),
        "images": images,
    }
    if origin.adapter is not None:
        settings["adapter"] = str(origin.adapter)
        name = name if origin.adapter == folder.resolve() else f"{name} + {origin.adapter.name}"
    if (origin.base / FINGERPRINTS_FILE).is_file():
        settings["fingerprints"] = FINGERPRINTS_FILE
    if images == "shown":  # a blind run is no point of a training curve
        settings |= _training(origin.folders[-1] / TRAINING_FILE)
    return GeoPixModel(
        geopix=geopix,
        name=name if images == "shown" else f"{name} (blind)",
        digest=_digest(origin, settings),
        settings=settings | {"threads": str(torch.get_num_threads())},
        batch_size=_batch_size(options.get("batch_size"), DEFAULT_BATCH),
        largest_batch=_batch_size(options.get("batch_size"), LARGEST_BATCH),
        memory_class=options.get("memory_class"),
    )


def _training(path: Path) -> dict[str, str]:
    """The recipe and step at which a checkpoint was saved, where it tells; charts of training read them."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {"recipe": str(told["recipe"]["name"]), "step": str(int(told["step"]))}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _choice(options: Mapping[str, str], name: str, known: tuple[str, ...], default: str) -> str:
    value = options.get(name, default)
    if value not in known:
        raise ConfigurationError(f"GeoPix option {name}: expected {', '.join(known)}, found {value!r}.")
    return value


def _batch_size(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"GeoPix option batch_size: expected a whole number above 0, found {text!r}.")
    return int(text)


def _digest(origin: Source, settings: Mapping[str, str]) -> str:
    """Digest of every file of the checkpoint and its adapter, and of the settings that change answers."""
    digest = hashlib.sha256()
    for folder in origin.folders:
        for line in lines_of_digests(folder, leave_out=(CARD_FILE,)):
            digest.update(line)
    digest.update("".join(f"{key}={settings[key]}\n" for key in ("dtype", "memory_class", "images")).encode())
    return digest.hexdigest()
