"""Answers of a word or a short phrase."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.parsers.text import Step, normalise
from harness.records import Prediction, Response, Sample, Target

DEFAULT_STEPS: tuple[Step, ...] = ("thoughts", "strip", "lower", "full_stop")


@dataclass(frozen=True)
class ShortAnswerParser:
    """Brings an answer into one form by a few steps, and the accepted answers by the same.

    Steps: `thoughts` drops <think>..</think>; `first_line` keeps the first line with a word; `strip` drops white space
    around; `lower` drops capitals; `full_stop` drops one at the end; `spaces` drops all white space; `quotes` drops
    quotation marks and asterisks around; `articles` drops a, an or the in front; `vqa_official` does what the VQA
    challenge's scorer does, `eval_ai` what lmms-eval's does (see `harness.parsers.vqa_rules`).

    >>> parser = ShortAnswerParser()
    >>> parser.parse(Response(text="Airport."), Sample("1", (), {}, Target())).text
    'airport'

    Attributes:
        steps: what is done, in this order.
    """

    steps: Sequence[Step] = DEFAULT_STEPS

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the answer in its one form; `empty` when nothing is left of it."""
        text = normalise(response.text, self.steps)
        if text:
            return Prediction("ok", text=text)
        return Prediction("empty", response.reason or _why_empty(response.text))

    def target(self, sample: Sample) -> Target:
        """Returns the accepted answers in their one form."""
        return Target(texts=tuple(normalise(text, self.steps) for text in sample.target.texts))


def _why_empty(text: str) -> str:
    return "the answer has nothing but thoughts or marks" if text.strip() else "the answer is empty"
