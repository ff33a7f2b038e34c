"""Whatever a model writes, the parsers say something of it and never raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.interfaces import Parser
from harness.metrics.token_recall import tokens
from harness.parsers.choice import ChoiceParser
from harness.parsers.class_name import ClassNameParser
from harness.parsers.reading_parser import NumberParser, OneOfParser
from harness.parsers.short_answer import ShortAnswerParser
from harness.records import Response, Sample, Target

SAMPLE = Sample("1", (), {"classes": "river\nfort river\nroad", "options": "A. river\nB) road"}, Target())
PARSERS: list[Parser] = [
    OneOfParser(),
    NumberParser(),
    NumberParser(whole=False),
    ChoiceParser(),
    ChoiceParser(letters="AB", choices="options"),
    ClassNameParser(synonyms={"road": ["street"]}),
    ShortAnswerParser(steps=["thoughts", "vqa_official", "eval_ai"]),
]
PIECES = [
    "yes",
    "no",
    "A",
    "(B)",
    "answer is",
    "river",
    "riverr",
    "12",
    "twelve",
    ",",
    "1,0",
    "<think>",
    "</think>",
    "'",
]
ANSWERS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join))


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: type(parser).__name__)
@given(text=ANSWERS)
def test_no_answer_makes_a_parser_raise(parser: Parser, text: str) -> None:
    found = parser.parse(Response(text=text), SAMPLE)
    assert found.status in ("ok", "unparsed", "empty")
    assert (found.status == "ok") == (found.text is not None)
    assert found.status == "ok" or found.reason


@given(text=ANSWERS)
def test_tokens_lose_nothing_but_spaces(text: str) -> None:
    bare = "".join(text.lower().split())
    assert "".join(tokens(text)) == bare
