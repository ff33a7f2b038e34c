"""A second stage: turns the boxes that a model answers with into masks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from harness.errors import SampleError
from harness.interfaces import GrowingModel, Model, ReadsAhead, Segmenter
from harness.parsers.box import BoxParser
from harness.parsers.mask import MOST_MASKS
from harness.records import Box, ImageFile, Mask, Request, Response, Sample, Target


@dataclass(frozen=True)
class SecondStage:
    """A model that asks another one, and where masks are wanted, a segmenter about the boxes of its answer.

    The boxes are read as the parser `box` reads them: given as numbers, or in words, or around the masks that the first
    model gives. An answer whose boxes cannot be read is left as it is. The words are never changed.

    Attributes:
        first: the model that answers.
        segmenter: draws the masks.
        parser: reads the boxes in pixels, all of them.
    """

    first: Model
    segmenter: Segmenter
    parser: BoxParser
    reads_images: bool = True

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.first.name} + {self.segmenter.name}"

    @property
    def digest(self) -> str:
        """Changes when the answers of either may, or the way the boxes between them are read."""
        parts = (self.first.digest, self.segmenter.digest, repr(self.parser))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def settings(self) -> Mapping[str, str]:
        """The first model's settings, and the segmenter's under its own word."""
        return {**self.first.settings, **{f"segmenter {key}": value for key, value in self.segmenter.settings.items()}}

    @property
    def batch_size(self) -> int:
        """The first model's."""
        return self.first.batch_size

    @property
    def largest_batch(self) -> int:
        """The first model's."""
        return self.first.largest_batch if isinstance(self.first, GrowingModel) else self.first.batch_size

    def read_ahead(self, requests: Sequence[Request]) -> None:
        """Has the first model read what it can."""
        if isinstance(self.first, ReadsAhead):
            self.first.read_ahead(requests)

    def repeats(self, request: Request) -> bool:
        """Whether the first model would answer a request the same again; not where it cannot say so."""
        repeats = getattr(self.first, "repeats", None)
        return repeats is not None and bool(repeats(request))

    def close(self) -> None:
        """Lets go of what the first model holds open, connections for example."""
        if close := getattr(self.first, "close", None):
            close()

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        """Answers requests; an image that several are about is segmented once for all of their boxes."""
        pairs = list(zip(requests, self.first.respond(requests), strict=True))
        responses: list[Response] = []
        for image, group in groupby(pairs, key=lambda pair: pair[0].images[:1]):
            responses += self._segmented(image, list(group))
        return responses

    def _segmented(self, image: tuple[ImageFile, ...], pairs: Sequence[tuple[Request, Response]]) -> list[Response]:
        started = time.perf_counter()
        boxes = [self._boxes(request, response) for request, response in pairs]
        flat = [box for some in boxes for box in some]
        masks = iter(self.segmenter.masks(image[0], flat) if flat else ())
        drawn = [tuple(next(masks) for _ in some) for some in boxes]
        seconds = (time.perf_counter() - started) / len(pairs)
        return [_with(response, found, seconds) for (_, response), found in zip(pairs, drawn, strict=True)]

    def _boxes(self, request: Request, response: Response) -> tuple[Box, ...]:
        if request.capability != "segment" or not request.images:
            return ()
        boxes = self.parser.parse(response, Sample(request.sample_id, request.images[:1], {}, Target())).boxes
        # The parser of masks refuses more, and drawing them would cost hours.
        return boxes if len(boxes) <= MOST_MASKS else ()


@dataclass(frozen=True)
class ConcurrentSecondStage(SecondStage):
    """The same behind a model that gives its answers as they come, an endpoint for example."""

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | str]]:
        """Yields the index of each request with its answer, or the reason why there is none, as they come."""
        first: Any = self.first
        for index, outcome in first.answers(requests):
            yield index, outcome if isinstance(outcome, str) else self._one(requests[index], outcome)

    def _one(self, request: Request, response: Response) -> Response | str:
        # What the first model said is not asked again because of what the second cannot do.
        try:
            return self._segmented(request.images[:1], [(request, response)])[0]
        except SampleError as error:
            return str(error)
        except (RuntimeError, ValueError, OSError) as error:
            return f"{type(error).__name__}: {error}"


def second_stage(first: Model, segmenter: Segmenter, boxes: str | None = None) -> SecondStage:
    """Returns a model with a segmenter behind it, which answers as its first stage does: in batches or as they come.

    Args:
        first: the model that answers with boxes.
        segmenter: draws the masks.
        boxes: the family by which boxes in words are read, where the first model declares none.

    Raises:
        ConfigurationError: the family is unknown.
    """
    kind = ConcurrentSecondStage if hasattr(first, "answers") else SecondStage
    return kind(first, segmenter, BoxParser(family=boxes, several="all"))


def _with(response: Response, masks: tuple[Mask, ...], seconds: float) -> Response:
    if not masks:
        return response
    return replace(response, masks=masks, seconds=(response.seconds or 0.0) + seconds)
