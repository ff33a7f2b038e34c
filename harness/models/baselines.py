"""Baselines: models that look at nothing, the floor under every score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.errors import ConfigurationError, nearest
from harness.images import image_size
from harness.masks import encode
from harness.records import Request, Response


@dataclass(frozen=True)
class FixedAnswer:
    """Says the same words and draws the same rectangle, whatever the image and the question.

    Attributes:
        name: the baseline's name in tables.
        text: its words.
        share: the side lengths of its centred rectangle as a share of the image's.
    """

    name: str
    text: str
    share: float
    reads_images: bool = False
    batch_size: int = 256
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The answer itself."""
        return f"{self.name} {self.text} {self.share}"

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        """Returns the fixed answer for every request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Response:
        if request.capability != "segment":
            return Response(text=self.text, seconds=0.0)
        height, width = image_size(request.images[0])
        rows, columns = round(height * self.share), round(width * self.share)
        top, left = (height - rows) // 2, (width - columns) // 2
        mask = np.zeros((height, width), dtype=bool)
        mask[top : top + rows, left : left + columns] = True
        return Response(text="", masks=(encode(mask),), seconds=0.0)


BASELINES = {
    "constant": FixedAnswer(name="baseline:constant", text="yes", share=0.5),
    "whole-image": FixedAnswer(name="baseline:whole-image", text="yes", share=1.0),
}


def baseline(argument: str, options: Mapping[str, str]) -> FixedAnswer:
    """Returns a baseline by name: `constant` ("yes", the middle of the image) or `whole-image`.

    Raises:
        ConfigurationError: no such baseline, or options, of which baselines have none.
    """
    if options:
        raise ConfigurationError(f"a baseline has no options, found {', '.join(sorted(options))}.")
    if argument not in BASELINES:
        raise ConfigurationError(
            f"unknown baseline {argument!r}.{nearest(argument, BASELINES)} Known: {', '.join(sorted(BASELINES))}."
        )
    return BASELINES[argument]
