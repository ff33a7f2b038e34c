"""Short answers: every step, and the empty answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.parsers.short_answer import ShortAnswerParser
from harness.parsers.text import STEPS, Step, normalise, without_thoughts
from harness.records import Prediction, Response, Sample, Target

SAMPLE = Sample("1", (), {}, Target(texts=("Storage Tank.", "tank")))


def test_answers_and_right_answers_take_the_same_steps() -> None:
    parser = ShortAnswerParser()
    assert parser.parse(Response(text=" Storage tank. "), SAMPLE) == Prediction("ok", text="storage tank")
    assert parser.target(SAMPLE).texts == ("storage tank", "tank")


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        ("thoughts", "<think>a\nb</think>c", "c"),
        ("first_line", "\n a \nb", " a "),
        ("strip", " a ", "a"),
        ("lower", "Ä", "ä"),
        ("full_stop", "a. ", "a"),
        ("full_stop", "3.5", "3.5"),
        ("spaces", "dense residential\n", "denseresidential"),
        ("quotes", '"a"', "a"),
        ("quotes", "**a**", "a"),
        ("articles", "The airport", "airport"),
        ("articles", "theatre", "theatre"),
    ],
)
def test_each_step(step: Step, text: str, expected: str) -> None:
    assert normalise(text, [step]) == expected


def test_no_step_leaves_the_answer_as_it_is() -> None:
    assert ShortAnswerParser(steps=[]).parse(Response(text=" A. "), SAMPLE).text == " A. "


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(), "the answer is empty"),
        (Response(text=" \n"), "the answer is empty"),
        (Response(text="."), "the answer has nothing but thoughts or marks"),
        (Response(text="<think>never mind"), "the answer has nothing but thoughts or marks"),
        (Response(reason="stopped after 16 tokens"), "stopped after 16 tokens"),
    ],
)
def test_an_empty_answer_says_why(response: Response, reason: str) -> None:
    assert ShortAnswerParser().parse(response, SAMPLE) == Prediction("empty", reason)


@given(thought=st.text(alphabet="ab \n<>/", max_size=20), answer=st.text(alphabet="xyz ", max_size=10))
def test_thoughts_never_reach_the_answer(thought: str, answer: str) -> None:
    assert without_thoughts(f"<think>{thought}</think>{answer}") == answer
    assert without_thoughts(f"{thought}</think>{answer}") == answer


@given(text=st.text(max_size=40))
@pytest.mark.parametrize("step", sorted(STEPS))
def test_no_step_raises(step: Step, text: str) -> None:
    assert isinstance(normalise(text, [step]), str)
