"""Any model of ours as a model of lmms-eval: `--model geopix --model_args model=CHECKPOINT,device=cuda`."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from PIL import Image

from harness.errors import SampleError
from harness.exchange.lmms_eval.answering import answered
from harness.exchange.lmms_eval.wire import is_ours, pack_response
from harness.interfaces import Model
from harness.model_names import load_model
from harness.models.room import Room
from harness.plugins import installed
from harness.records import ImageFile, Request, Response

#: What our models read of a task's generation settings, and the values where it says nothing.
GENERATION = {"max_new_tokens": 256, "temperature": 0.0, "top_p": 1.0}


class GeoPixEvalModel(lmms):  # type: ignore[misc]  # lmms-eval is not installed where types are checked
    """A model of ours.

    Args:
        model: what one types after --model of geopix-eval: a checkpoint folder, geopix-mini, hf:.., openai:..
        batch_size: questions asked at a time; the model's own choice by default.
        device: where it runs; the model's own choice by default.
        max_batch_size: not used; lmms-eval gives it to every model.
        options: the model's other options, as after --model-option.
    """

    is_simple = True

    def __init__(
        self,
        model: str = "geopix-mini",
        batch_size: int | str | None = None,
        device: str | None = None,
        max_batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        given = {name: str(value) for name, value in options.items()} | ({"device": str(device)} if device else {})
        self.answering: Model = load_model(model, given, installed().models)
        # lmms-eval gives "auto" too, or 1 where nothing was typed; a model of ours knows its own.
        asked = str(batch_size)
        self.questions = int(asked) if asked.isdecimal() else self.answering.batch_size
        self._room = Room(self.questions)
        self._pictures = TemporaryDirectory(prefix="geopix-lmms-eval-")

    @property
    def device(self) -> str:
        """Where the model runs; lmms-eval asks for it when there are several processes."""
        return str(self.answering.settings.get("device", "cpu"))

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Answers all requests, those about the same image together, the shortest first; in their order.

        An answer that cannot be had is an empty one: lmms-eval would end the whole run.
        """
        answers: dict[int, Response] = {}
        asked: dict[int, Request] = {}
        for place, instance in enumerate(requests):
            try:
                asked[place] = self._request(instance)
            except SampleError as error:
                answers[place] = Response(reason=str(error))
            except (OSError, SyntaxError, Image.DecompressionBombError) as error:
                answers[place] = Response(reason=f"the image cannot be read: {error}")
        order = sorted(asked, key=lambda place: (_images(asked[place]), len(asked[place].prompt), place))
        for batch in _batches(order, asked, self.questions):
            responses = answered(self.answering, self._room, [asked[place] for place in batch])
            answers |= dict(zip(batch, responses, strict=True))
        return [self._spoken(instance, answers[place]) for place, instance in enumerate(requests)]

    def _spoken(self, instance: Instance, response: Response) -> str:
        """The answer as a string: words alone where the task is none that we have exported."""
        return pack_response(response) if is_ours(self._document(instance)) else response.text

    def _document(self, instance: Instance) -> Any:
        *_, doc_id, task, split = instance.args
        return self.task_dict[task][split][doc_id]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Refuses: our models answer in words."""
        raise NotImplementedError("GeoPix answers in words; choose tasks of the type generate_until.")

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Refuses: our models are asked once a sample."""
        raise NotImplementedError("GeoPix is asked once a sample; choose tasks of the type generate_until.")

    def _request(self, instance: Instance) -> Request:
        prompt, generation, doc_to_visual, doc_id, task, _ = instance.args
        document = self._document(instance)
        images = [self._file(image) for image in doc_to_visual(document)]
        known = {name: generation.get(name, value) for name, value in GENERATION.items()}
        capability = str(document.get("capability", "vqa"))
        return Request(f"{task}/{doc_id}", tuple(images), prompt, capability, known)

    def _file(self, image: Any) -> ImageFile:
        """A picture as a file: the one it was opened from, or a copy without loss."""
        source = getattr(image, "filename", "")
        if source and Path(source).is_file():
            return ImageFile(str(source), Path(source))
        written = io.BytesIO()
        _plain(image).save(written, "PNG")
        name = hashlib.sha256(written.getvalue()).hexdigest()
        path = Path(self._pictures.name) / f"{name}.png"
        if not path.exists():
            path.write_bytes(written.getvalue())
        return ImageFile(name, path)


def _images(request: Request) -> list[str]:
    return [image.id for image in request.images]


def _plain(image: Any) -> Image.Image:
    if not isinstance(image, Image.Image):
        raise NotImplementedError(f"GeoPix looks at images; this task shows a {type(image).__name__}.")
    return image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB")


def _batches(order: Sequence[int], asked: Mapping[int, Request], size: int) -> Iterator[list[int]]:
    """Yields places in batches; what is asked of one batch shares capability and generation settings."""

    def kind(place: int) -> tuple[str, Mapping[str, Any]]:
        return asked[place].capability, asked[place].generation

    for _, alike in groupby(order, key=kind):
        places = list(alike)
        yield from (places[start : start + size] for start in range(0, len(places), size))
