"""A vision-language model of transformers as a model of the harness: batched, padded on the left, greedy."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from harness.asking.read_ahead import ReadAhead
from harness.errors import SampleError
from harness.models.huggingface.families import ModelFamily
from harness.models.huggingface.generation import count_tokens, generation_config, stop_tokens
from harness.models.huggingface.loading import Checkpoint
from harness.models.huggingface.options import BY_FAMILY, BY_TASK, PLACE, Options
from harness.models.huggingface.pictures import picture
from harness.models.huggingface.prompts import Prompt
from harness.records import ImageFile, Request, Response

#: Requests at a time where none are typed: what is begun with, and what is tried at most.
DEFAULT_BATCH, LARGEST_BATCH = 8, 256


@dataclass(frozen=True)
class HuggingFaceModel:
    """A vision-language model that answers requests in words.

    Attributes:
        checkpoint: the model and its processor.
        family: what its family does differently.
        prompt: writes the text that its processor reads.
        options: as typed.
        name: its name in tables.
        digest: changes with the checkpoint and with the options that change answers.
        settings: what a reader of the report should know.
        ahead: pictures that are decoded already.
    """

    checkpoint: Checkpoint = field(repr=False)
    family: ModelFamily
    prompt: Prompt
    options: Options
    name: str
    digest: str
    settings: Mapping[str, str]
    ahead: ReadAhead[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ahead", ReadAhead(self._decoded))

    @property
    def reads_images(self) -> bool:
        """Whether the pixels matter; a blind run leaves them out."""
        return self.options.images == "shown"

    @property
    def batch_size(self) -> int:
        """How many requests it is given at a time."""
        return self.options.batch_size or DEFAULT_BATCH

    @property
    def largest_batch(self) -> int:
        """How many requests are worth trying at a time: as many as typed, if so."""
        return self.options.batch_size or LARGEST_BATCH

    def read_ahead(self, requests: Sequence[Request]) -> None:
        """Decodes the pictures of the next batch."""
        if self.options.images == "shown":
            self.ahead.fetch(image for request in requests for image in request.images)

    def repeats(self, request: Request) -> bool:
        """Whether it would answer a request the same again, whatever is asked beside it: when it draws nothing."""
        return not request.generation["temperature"]

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        """Answers requests of one task.

        Raises:
            SampleError: an image cannot be read.
            torch.OutOfMemoryError: they do not fit into memory together.
        """
        responses: list[Response] = []
        # Processors take no batch in which some have pictures and others none.
        for _, alike in groupby(requests, key=lambda request: bool(request.images)):
            responses += self._answer(list(alike))
        return responses

    def _answer(self, requests: Sequence[Request]) -> list[Response]:
        started = time.perf_counter()
        read = {image: self._picture(image) for request in requests for image in self._images(request)}
        pictures = [[read[image] for image in self._images(request)] for request in requests]
        inputs = self._inputs(requests, pictures)
        sizes = self.family.seen(self.checkpoint.processor, inputs, list(map(len, pictures)))
        settings = generation_config(self.checkpoint.model, self.checkpoint.processor, requests[0].generation)
        answers = self._generate(inputs, settings, requests)
        texts = self.checkpoint.processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
        seconds = (time.perf_counter() - started) / len(requests)
        stops = stop_tokens(settings)
        return [
            self._response(request, text, count_tokens(row, stops), seconds, size)
            for request, text, row, size in zip(requests, texts, answers.tolist(), sizes, strict=True)
        ]

    def _response(
        self, request: Request, text: str, counted: tuple[int, bool], seconds: float, size: tuple[int, int] | None
    ) -> Response:
        tokens, ended = counted
        boxes = self._box_family(request)
        return Response(
            text=text,
            seconds=seconds,
            tokens=tokens,
            reason=None if ended else f"the answer was cut off after {tokens} tokens",
            box_family=boxes,
            seen=size if boxes == self.family.boxes else None,
        )

    def _inputs(self, requests: Sequence[Request], pictures: Sequence[Sequence[Any]]) -> Any:
        """What the model reads: token ids int64[B, N], padded on the left, their mask, and the pictures."""
        processor, model = self.checkpoint.processor, self.checkpoint.model
        texts = [
            self.prompt.text(self._words(request), len(shown))
            for request, shown in zip(requests, pictures, strict=True)
        ]
        begin = processor.tokenizer.bos_token
        shown = {"images": list(pictures), "images_kwargs": dict(self.options.image)} if any(pictures) else {}
        inputs = processor(
            text=texts,
            **shown,
            padding=True,
            return_tensors="pt",
            add_special_tokens=not (begin and texts[0].startswith(begin)),
        )
        inputs.pop("labels", None)  # PaliGemma's processor makes them, for training
        return inputs.to(model.device, model.dtype)

    def _words(self, request: Request) -> str:
        if self.options.prompt is not None:
            return self.options.prompt.replace(PLACE, request.prompt)
        return self.family.words(request.prompt, request.capability)

    def _images(self, request: Request) -> tuple[ImageFile, ...]:
        if self.options.images == "none":
            return ()
        if not request.images and not self.family.chats:
            raise SampleError("this family of models answers about pictures only, and the sample has none")
        return request.images

    def _picture(self, image: ImageFile) -> Any:
        ready = self.ahead.ready(image.path)
        return self._decoded(image) if ready is None else ready

    def _decoded(self, image: ImageFile) -> Any:
        return picture(image, blank=self.options.images == "blank")

    def _generate(self, inputs: Any, settings: Any, requests: Sequence[Request]) -> Any:
        """The new tokens int64[B, M], without the prompts'."""
        import torch  # noqa: PLC0415 - slow to import; here it is loaded already

        # What is drawn for a batch does not depend on what was asked before it.
        with torch.inference_mode(), torch.random.fork_rng(enabled=settings.do_sample):
            if settings.do_sample:
                torch.manual_seed(zlib.crc32("\n".join(request.sample_id for request in requests).encode()))
            sequences = self.checkpoint.model.generate(**inputs, generation_config=settings)
        return sequences[:, inputs["input_ids"].shape[1] :]

    def _box_family(self, request: Request) -> str | None:
        if self.options.boxes == BY_TASK:
            return None
        return self.family.box_family(request.prompt) if self.options.boxes == BY_FAMILY else self.options.boxes
