"""Answers that are captions."""

import re
from dataclasses import dataclass, replace

from harness.parsers.text import without_thoughts
from harness.records import Prediction, Response, Sample, Target

# What models write into captions for other readers: segmentation and image tokens, phrase and box tags, ends of turns.
_TAGS = re.compile(r"\[/?[A-Z]{2,}\d*\]|</?[A-Za-z]{1,9}\d{0,3}/?>|<\|[^<>|]{1,40}\|>")
_BOXES = re.compile(r"\{(?:<[\d.]+>)+(?:\|<[\d.]+>)?\}")


@dataclass(frozen=True)
class CaptionParser:
    """Takes an answer as a caption, on one line, without thoughts, model tags (`[SEG]`, `<p>`, `<|im_end|>`) and boxes.

    References lose tags and line breaks by the same rule, and nothing else.

    >>> answer = Response(text="<p> A plane </p> [SEG] near a road.")
    >>> CaptionParser().parse(answer, Sample("1", (), {}, Target())).text
    'A plane near a road.'
    """

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the caption; `empty` when nothing is left of the answer."""
        text = bare(without_thoughts(response.text))
        if text:
            return Prediction("ok", text=text)
        reason = "the answer has nothing but thoughts or tags" if response.text.strip() else "the answer is empty"
        return Prediction("empty", response.reason or reason)

    def target(self, sample: Sample) -> Target:
        """Returns the references on one line each."""
        return replace(sample.target, texts=tuple(map(bare, sample.target.texts)))


def bare(text: str) -> str:
    r"""Returns a text on one line without tags.

    >>> bare("many cars\u2028{<10><20><30><40>} <SEG0> stand here </s>")
    'many cars stand here'
    """
    return " ".join(_BOXES.sub(" ", _TAGS.sub(" ", text)).split())
