"""Letters that answers choose."""

from typing import Any

import pytest

from harness.errors import ConfigurationError, SampleError
from harness.parsers.choice import ChoiceParser
from harness.records import Prediction, Response, Sample, Target

CHOICES = "A. airport\nB. dense residential\nC. river"


def read(text: str, *, fields: dict[str, str] | None = None, **options: Any) -> Prediction:
    return ChoiceParser(**options).parse(Response(text=text), Sample("1", (), fields or {}, Target()))


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A", "A"), ("b", "B"), ("(c)", "C"), ("D.", "D"), ("**B**", "B"), ("B) river", "B"), ("(B) river", "B"),
        ("B: river", "B"), ("The answer is B", "B"), ("The correct answer is (B).", "B"), ("Answer: C, a river", "C"),
        ("I choose option D.", "D"), ("Based on the image, the answer is A.", "A"), ("It must be (C), a river.", "C"),
        ("<think>The answer is A.</think>The answer is B.", "B"), ("The best choice is **C**", "C"),
        ("A road runs through it, so the answer is C.", "C"),
    ],
)  # fmt: skip
def test_a_letter_is_found(text: str, letter: str) -> None:
    assert read(text).text == letter


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A river is seen.", "expected one of the letters A, B, C, D, found 'A river is seen.'"),
        ("The correct answer is a river", "expected one of the letters"),
        ("Based on the picture", "expected one of the letters"),
        ("The answer is A or the answer is B.", "expected one letter, found A, B in"),
        ("(A) and (C)", "expected one letter, found"),
        ("B\nfor (A) is wrong", "expected one letter, found A, B in"),
        ("E", "expected one of the letters A, B, C, D, found 'E'"),
    ],
)
def test_no_letter_and_several_are_not_read(text: str, reason: str) -> None:
    found = read(text)
    assert found.status == "unparsed"
    assert reason in (found.reason or "")
    assert found.text is None


def test_an_empty_answer_is_empty() -> None:
    assert read("<think>B").status == "empty"


def test_the_choices_words_are_read_too() -> None:
    fields = {"options": CHOICES}
    assert read("Dense-residential.", fields=fields, choices="options").text == "B"
    assert read("(C) river", fields=fields, choices="options").text == "C"
    assert read("D", fields=fields, choices="options").status == "unparsed"
    parser, sample = ChoiceParser(choices="options"), Sample("1", (), fields, Target(texts=("river",)))
    assert parser.target(sample).texts == ("C",)
    with pytest.raises(SampleError, match="the data set's own answer is unusable: expected one of the letters A, B, C"):
        parser.target(Sample("1", (), fields, Target(texts=("lake",))))


def test_letters_are_different_capitals() -> None:
    for letters in ("abc", "AA", "A"):
        with pytest.raises(ConfigurationError, match="`letters` are different capitals, two at least"):
            ChoiceParser(letters=letters)
