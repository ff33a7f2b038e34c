"""Answers that are masks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.boxes import Frame
from harness.errors import SampleError
from harness.masks import checked, masks_of, union
from harness.parsers.box import BoxParser
from harness.parsers.box_spellings import Family, family, spoken
from harness.parsers.mask_words import masks_in
from harness.parsers.text import without_thoughts
from harness.records import Mask, Prediction, Response, Sample, Target

FROM_BOXES = "its boxes, filled"
MOST_MASKS = 1000
SEGMENTATION_TOKEN = re.compile(r"[\[<]SEG\d*[\]>]", re.IGNORECASE)


@dataclass(frozen=True)
class MaskParser:
    """Reads the masks of an answer, and those that are right.

    An answer's masks are, in this order: the response's own; those that its text gives in words (run-length encodings
    or polygons, see `harness.parsers.mask_words`); its boxes, given as numbers or in words (see
    `harness.parsers.box`), filled, which the prediction then says. Thoughts are not part of the text. Masks must have
    the size of the true mask.

    An answer without a mask is `empty`; `ok` where it says in words that there is no target; and `unparsed` where it
    marks places with [SEG] for which it holds no mask.

    Attributes:
        several: what several masks in one answer, or true ones, mean: `union` counts a pixel that any of them has,
            `first` keeps the first predicted mask and all true pixels, `each` keeps them apart for a metric that pairs
            them.
        frame: what the numbers of polygons and boxes in words count: `pixels`, or `0-1`, `0-100`, `0-1000`, `0-1024`
            over the image's sides. A model may declare how it writes boxes, which goes before this.
        no_target: words by which an answer says that there is no target; capitals do not matter.
    """

    several: Literal["union", "first", "each"] = "union"
    frame: Frame = "pixels"
    no_target: Sequence[str] = ("[REJ]", "no target")

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the answer's masks; never raises for what a model wrote."""
        words = without_thoughts(response.text)
        try:
            masks, stand_in = self._read(response, words, sample)
        except SampleError as error:
            return Prediction("unparsed", str(error))
        text = response.text or None
        if masks:
            became = self._what_became(len(masks))
            return Prediction("ok", became, text=text, masks=self._kept(masks), stand_in=stand_in)
        if any(phrase.lower() in words.lower() for phrase in self.no_target):
            return Prediction("ok", text=text, no_target=True)
        if marks := SEGMENTATION_TOKEN.findall(words):
            return Prediction("unparsed", f"the answer marks with {marks[0]} and holds no mask")
        return Prediction("empty", response.reason or "the answer has no mask", text=text)

    def _read(self, response: Response, words: str, sample: Sample) -> tuple[tuple[Mask, ...], str | None]:
        true = sample.target.masks
        size = true[0].size if true else None
        _check_count(len(response.masks) or len(response.boxes))
        masks, stand_in = tuple(map(checked, response.masks)) or masks_in(words, size, self.frame), None
        if not masks and size and (masks := self._filled_boxes(response, words, sample, size)):
            stand_in = FROM_BOXES
        _check_count(len(masks))
        _check_sizes(masks, true)
        return masks, stand_in

    def _filled_boxes(self, response: Response, words: str, sample: Sample, size: tuple[int, int]) -> tuple[Mask, ...]:
        spelling = family(response.box_family) if response.box_family else Family(self.frame)
        if not response.boxes and not spoken(words, spelling):
            return ()
        read = BoxParser(frame=self.frame, several="all").parse(replace(response, masks=()), sample)
        if read.status != "ok":
            raise SampleError(read.reason or "its boxes cannot be read")
        return masks_of(read.boxes, size)

    def _kept(self, masks: tuple[Mask, ...]) -> tuple[Mask, ...]:
        match self.several:
            case "each":
                return masks
            case "first":
                return masks[:1]
            case _:
                return (union(masks),)

    def _what_became(self, count: int) -> str | None:
        """What became of several masks, in words; who sees one mask must know that there were more."""
        if count == 1 or self.several == "each":
            return None
        return f"{count} masks, united" if self.several == "union" else f"{count} masks, the first kept"

    def target(self, sample: Sample) -> Target:
        """Returns the true masks, as one unless each is kept.

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
        if self.several == "each" or not masks:
            return replace(sample.target, masks=masks)
        return replace(sample.target, masks=(union(masks),))


def _check_count(count: int) -> None:
    # Masks are compared each with each: an answer must not cost hours.
    if count > MOST_MASKS:
        raise SampleError(f"the answer has {count} masks or boxes, expected {MOST_MASKS} at most")


def _check_sizes(masks: tuple[Mask, ...], true: tuple[Mask, ...]) -> None:
    expected = (true or masks)[0].size if masks else None
    for mask in masks:
        if mask.size != expected and expected is not None:
            raise SampleError(
                f"the mask has {mask.size[0]} x {mask.size[1]} pixels (height x width), the true mask "
                f"{expected[0]} x {expected[1]}. Resize predicted masks to the image's own size before they are scored."
            )
