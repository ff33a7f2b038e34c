"""Captions as models write them."""

import pytest

from harness.parsers.caption import CaptionParser
from harness.records import Prediction, Response, Sample, Target


def parse(text: str, reason: str | None = None) -> Prediction:
    return CaptionParser().parse(Response(text=text, reason=reason), Sample("1", (), {}, Target()))


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("  Many cars.\n", "Many cars."),
        ("<think>roofs</think>Houses\nand\u2028trees", "Houses and trees"),
        ("<p> tennis court-1 </p> [SEG] near [SEG0] a road", "tennis court-1 near a road"),
        ("a ship {<12><30><40><55>} at sea<|im_end|></s>", "a ship at sea"),
        ("{<12><30><40><55>|<90>} a ship", "a ship"),
        ("an area [1] of 5 < 6 and A<B", "an area [1] of 5 < 6 and A<B"),
    ],
)
def test_what_is_left(text: str, caption: str) -> None:
    assert parse(text) == Prediction("ok", text=caption)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the answer is empty"),
        (" \n", "the answer is empty"),
        ("<think>hm", "the answer has nothing but thoughts or tags"),
        ("[SEG]</s>", "the answer has nothing but thoughts or tags"),
    ],
)
def test_nothing_is_left(text: str, reason: str) -> None:
    assert parse(text) == Prediction("empty", reason)


def test_the_model_s_own_reason_comes_first() -> None:
    assert parse("", "stopped at 64 tokens").reason == "stopped at 64 tokens"


def test_references_keep_their_words() -> None:
    sample = Sample("1", (), {}, Target(texts=("A plane\nhere .", "<think> is a word")))
    assert CaptionParser().target(sample).texts == ("A plane here .", "is a word")
