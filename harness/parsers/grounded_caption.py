"""Captions whose phrases are marked: the words without their marks, and one mask a mark."""

import re
from dataclasses import dataclass, replace

from harness.parsers.mask import SEGMENTATION_TOKEN, MaskParser
from harness.parsers.text import without_thoughts
from harness.records import Prediction, Response, Sample, Target

_PHRASE = re.compile(r"</?p>", re.IGNORECASE)
_BEFORE_MARK = re.compile(r"\s+([.,;:!?])")


def bare_caption(text: str) -> str:
    """Returns a caption as one reads it: without thoughts, phrase marks and segmentation tokens.

    >>> bare_caption("The <p> tennis court-1 </p> [SEG] , at right, is <p>hard</p><SEG>.")
    'The tennis court-1, at right, is hard.'
    """
    words = SEGMENTATION_TOKEN.sub(" ", _PHRASE.sub(" ", without_thoughts(text)))
    return _BEFORE_MARK.sub(r"\1", " ".join(words.split()))


@dataclass(frozen=True)
class GroundedCaptionParser:
    """Reads a grounded caption: GLaMM's and GeoPixel's `<p> phrase </p> [SEG]`.

    The caption is the text without its marks, on both sides. The masks are kept apart, in the answer's order. A caption
    without a mask is `ok`: its words are scored and its masks are not there. Marks without masks, or masks that misfit,
    are `unparsed`.
    """

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the caption and its masks; `empty` where it has neither."""
        read = MaskParser(several="each", no_target=()).parse(response, sample)
        caption = bare_caption(response.text)
        if read.status == "empty" and caption:
            return Prediction("ok", text=caption)
        return replace(read, text=caption or None)

    def target(self, sample: Sample) -> Target:
        """Returns the references without their marks, and the true masks.

        Raises:
            SampleError: the masks are malformed or differ in size.
        """
        return replace(MaskParser(several="each").target(sample), texts=tuple(map(bare_caption, sample.target.texts)))
