"""Answers that are masks."""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from harness.errors import SampleError
from harness.masks import checked, from_json, union
from harness.parsers.text import without_thoughts
from harness.records import Mask, Prediction, Response, Sample, Target

_FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")


@dataclass(frozen=True)
class MaskParser:
    """Makes one mask of an answer's masks, and one of the true masks.

    The masks are the response's own, or, where it has none, those of a text that is a JSON object
    `{"masks": [{"size": [height, width], "counts": ".."}, ..]}`, lmms-eval's way of passing masks as words. They must
    have the size of the true mask. The true masks are always united.

    Attributes:
        several: what several masks in one answer mean: `union` counts a pixel that any of them has, `first` keeps the
            first mask alone.
    """

    several: Literal["union", "first"] = "union"

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the answer's mask; `empty` when it has none, `unparsed` when one is malformed or misfits."""
        try:
            masks = tuple(map(checked, response.masks)) if response.masks else _masks_in(response.text)
            _check_sizes(masks, sample.target.masks)
        except SampleError as error:
            return Prediction("unparsed", str(error))
        if not masks:
            return Prediction("empty", response.reason or "the answer has no mask", text=response.text or None)
        kept = masks[:1] if self.several == "first" else masks
        return Prediction("ok", self._what_became(len(masks)), text=response.text or None, masks=(union(kept),))

    def _what_became(self, count: int) -> str | None:
        """What became of several masks, in words; who sees one mask must know that there were more."""
        if count == 1:
            return None
        return f"{count} masks, united" if self.several == "union" else f"{count} masks, the first kept"

    def target(self, sample: Sample) -> Target:
        """Returns the true masks as one.

        Raises:
            SampleError: they are malformed or differ in size.
        """
        masks = tuple(map(checked, sample.target.masks))
        for mask in masks:
            if mask.size != masks[0].size:
                raise SampleError(
                    f"the sample's true masks differ in size: {mask.size[0]} x {mask.size[1]} pixels and "
                    f"{masks[0].size[0]} x {masks[0].size[1]} (height x width). Correct the data set's masks."
                )
        return replace(sample.target, masks=(union(masks),) if masks else ())


def _check_sizes(masks: tuple[Mask, ...], true: tuple[Mask, ...]) -> None:
    expected = (true or masks)[0].size if masks else None
    for mask in masks:
        if mask.size != expected and expected is not None:
            raise SampleError(
                f"the mask has {mask.size[0]} x {mask.size[1]} pixels (height x width), the true mask "
                f"{expected[0]} x {expected[1]}. Resize predicted masks to the image's own size before they are scored."
            )


def _masks_in(text: str) -> tuple[Mask, ...]:
    """The masks of a text in lmms-eval's form; none where the text is not in that form."""
    bare = _FENCE.sub("", without_thoughts(text).strip())
    if not bare.startswith("{"):
        return ()
    try:
        content: dict[str, Any] = orjson.loads(bare)
    except orjson.JSONDecodeError as error:
        raise SampleError(f"the answer begins like JSON and is none: {error}") from error
    found = content.get("masks", [])
    if not isinstance(found, list):
        raise SampleError("the answer's `masks` is not a list")
    return tuple(map(from_json, found))
