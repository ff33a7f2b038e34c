"""Normalisation of answers as the VQA challenge and lmms-eval do it."""

import json
from pathlib import Path

import pytest

from harness.parsers.short_answer import ShortAnswerParser
from harness.parsers.vqa_rules import RUNS_OF_COMMAS, eval_ai, on_one_line, punctuation, vqa_official, words
from harness.records import Response, Sample, Target


def test_every_recorded_string_is_reproduced(shared: Path) -> None:
    cases = json.loads((shared / "parity/metrics/vqa_normalize.json").read_text("utf-8"))
    assert len(cases) == 718
    for case in cases:
        text = case["text"]
        assert punctuation(on_one_line(text)) == case["vqa_official_punct"], text
        assert vqa_official(text) == case["vqa_official"], text
        assert eval_ai(text) == case["lmms_eval_call"], text
        assert words(punctuation(text, RUNS_OF_COMMAS)) == case["lmms_eval_vqav2"], text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No.", "no"),
        ("none", "0"),
        ("There are ten, not eleven.", "there are 10 not eleven"),
        ("1,234 m2", "1234 m2"),
        ("north-east", "north east"),
        ("somebody'd shouldntve", "somebodyd shouldntve"),
        ("I couldn'tve", "i couldn't've"),
        ("a.b.c 3.5.", "abc 3.5"),
        (". " * 40, ". . . . . . . ."),
    ],
)
def test_the_challenges_rules(text: str, expected: str) -> None:
    assert vqa_official(text) == expected


def test_the_rules_are_steps_of_short_answers() -> None:
    sample = Sample("1", (), {}, Target(texts=("The two cars",)))
    challenge = ShortAnswerParser(steps=["thoughts", "vqa_official"])
    assert challenge.parse(Response(text="<think>1, 2</think> 2 Cars."), sample).text == "2 cars"
    assert challenge.target(sample).texts == ("2 cars",)
    assert ShortAnswerParser(steps=["eval_ai"]).parse(Response(text="It's two?"), sample).text == "it 's 2"
