"""Yes or no, and numbers in words."""

import pytest

from harness.errors import ConfigurationError, SampleError
from harness.parsers.reading_parser import NumberParser, OneOfParser
from harness.records import Response, Sample, Target


def sample(*answers: str) -> Sample:
    return Sample("1", (), {}, Target(texts=answers))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("Yes, there are roads.", "yes"),
        ("**NO**", "no"),
        ("<think>yes? There is no road.</think>No", "no"),
        ("roads? no.", "no"),
    ],
)
def test_the_one_word_is_found(text: str, expected: str) -> None:
    assert OneOfParser().parse(Response(text=text), sample()).text == expected


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("yes and no", "unparsed", "expected yes or no, found both in 'yes and no'"),
        ("A north road, none, yesterday", "unparsed", "expected yes or no, found 'a north road, none, yesterday'"),
        ("<think>yes", "empty", "the answer is empty"),
        ("", "empty", "the answer is empty"),
    ],
)
def test_what_is_neither_or_both_is_not_read(text: str, status: str, reason: str) -> None:
    found = OneOfParser().parse(Response(text=text), sample())
    assert (found.status, found.reason, found.text) == (status, reason, None)


def test_other_words_may_be_looked_for() -> None:
    parser = OneOfParser(words=("rural", "urban", "sub-urban"))
    assert parser.parse(Response(text="It is sub-urban"), sample()).text == "sub-urban"
    several = parser.parse(Response(text="rural, urban"), sample())
    assert several.reason == "expected rural or urban or sub-urban, found several in 'rural, urban'"
    assert parser.parse(Response(text="It is rural."), sample()).text == "rural"
    assert parser.target(sample("Urban")).texts == ("urban",)
    with pytest.raises(SampleError, match="the data set's own answer is unusable: expected rural or urban"):
        parser.target(sample("forest"))
    with pytest.raises(ConfigurationError, match="at least two words in small letters; found \\['Yes', 'no'\\]"):
        OneOfParser(words=("Yes", "no"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", "3"),
        ("There are twenty-one ships.", "21"),
        ("1,234", "1234"),
        ("None.", "0"),
        ("two, I mean 2", "2"),
        ("<think>1 or 2</think>three", "3"),
        ("3.0", "3"),
    ],
)
def test_a_number_is_read_in_digits_and_words(text: str, expected: str) -> None:
    assert NumberParser().parse(Response(text=text), sample()).text == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a lot", "expected a number, found 'a lot'"),
        ("2 or 3", "expected a number, found several in '2 or 3'"),
        ("-4", "expected a number, found one below 0 or beyond all bounds in '-4'"),
        ("2.5", "expected a whole number, found '2.5'"),
    ],
)
def test_what_is_no_number_is_not_read(text: str, reason: str) -> None:
    found = NumberParser().parse(Response(text=text), sample())
    assert (found.status, found.reason) == ("unparsed", reason)


def test_parts_of_numbers_where_they_are_wanted() -> None:
    parser = NumberParser(whole=False)
    assert parser.parse(Response(text="2.50"), sample()).text == "2.5"
    assert parser.target(sample("3")).texts == ("3",)
