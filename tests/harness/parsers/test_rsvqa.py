"""RSVQA's answers: the official bins, what is read, and what is refused rather than guessed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SampleError
from harness.parsers.rsvqa import Bins, RsvqaAnswerParser
from harness.records import Prediction, Response, Sample, Target


def parse(kind: str, text: str, bins: Bins = "none") -> Prediction:
    return RsvqaAnswerParser(bins).parse(Response(text=text), Sample("1", (), {}, Target(), tags={"type": kind}))


def target(kind: str, text: str, bins: Bins = "none") -> tuple[str, ...]:
    sample = Sample("1", (), {}, Target(texts=(text,)), tags={"type": kind})
    return RsvqaAnswerParser(bins).target(sample).texts


def _kind(answer: str) -> str:
    bare = answer.lower().rstrip(".")
    named = {"yes": "presence", "no": "comp", "rural": "rural_urban", "urban": "rural_urban"}
    return named.get(bare, "area" if bare.endswith("m2") else "count")


@pytest.mark.parametrize(("table", "bins"), [("lr_range_numbers_true", "lr"), ("hr_range_numbers_false", "hr")])
def test_bins_are_the_official_ones(shared: Path, table: str, bins: Bins) -> None:
    for case in json.loads((shared / "parity/metrics/rsvqa_buckets.json").read_bytes())[table]:
        kind, expected = _kind(case["answer"]), case["bucket"]
        assert parse(kind, case["answer"], bins) == Prediction("ok", text=expected)
        assert target(kind, case["answer"], bins) == (expected,)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("presence", "Yes.", "yes"),
        ("comp", "yes, there is", "yes"),
        ("presence", "<think>Is it no?</think>\nYes", "yes"),
        ("presence", "**No**", "no"),
        ("rural_urban", "It is an urban area.", "urban"),
        ("count", "The answer is 3", "3"),
        ("count", "three", "3"),
        ("count", "There are twenty-one buildings.", "21"),
        ("count", "one thousand two hundred and five", "1205"),
        ("count", "1,234", "1234"),
        ("count", "3.0", "3"),
        ("count", "3 (three)", "3"),
        ("count", "None", "0"),
        ("area", "1,234 m2", "1234m2"),
        ("area", "1234m2", "1234m2"),
        ("area", "12 m\u00b2", "12m2"),
        ("area", "12 square metres", "12m2"),
        ("area", "1234567 sq m", "1234567m2"),
        ("area", "12.5 m^2", "12.5m2"),
        ("area", "7", "7m2"),
        ("scene", " A Harbour. ", "a harbour"),
    ],
)
def test_an_answer_is_read_in_the_terms_of_its_type(kind: str, text: str, expected: str) -> None:
    assert parse(kind, text) == Prediction("ok", text=expected)


@pytest.mark.parametrize(
    ("kind", "text", "bins", "expected"),
    [
        ("count", "between 10 and 100", "lr", "between 10 and 100"),
        ("count", "More than 1000.", "lr", "more than 1000"),
        ("count", "twelve", "lr", "between 10 and 100"),
        ("count", "12", "hr", "12"),
        ("area", "between 10m2 and 100m2", "hr", "between 10m2 and 100m2"),
        ("area", "between 10 and 100 m2", "hr", "between 10m2 and 100m2"),
        ("area", "more than 1000 square meters", "hr", "more than 1000m2"),
        ("area", "0.4 m2", "hr", "between 0m2 and 10m2"),
        ("area", "10.5 m2", "hr", "between 10m2 and 100m2"),
        ("area", "12", "lr", "12m2"),
    ],
)
def test_a_bin_may_be_named_or_meant(kind: str, text: str, bins: Bins, expected: str) -> None:
    assert parse(kind, text, bins) == Prediction("ok", text=expected)


@pytest.mark.parametrize(
    ("kind", "text", "bins", "reason"),
    [
        ("presence", "A road.", "none", "expected yes or no, found 'a road.'"),
        ("comp", "yes and no", "none", "expected yes or no, found both in 'yes and no'"),
        ("presence", "nothing known", "none", "expected yes or no, found 'nothing known'"),
        ("rural_urban", "suburban", "none", "expected rural or urban, found 'suburban'"),
        ("count", "many", "none", "expected a number, found 'many'"),
        ("count", "no", "none", "expected a number, found 'no'"),
        ("count", "3 or 4", "none", "expected a number, found several in '3 or 4'"),
        ("count", "3.5", "none", "expected a whole number, found '3.5'"),
        ("count", "-3", "none", "expected a number, found one below 0 or beyond all bounds in '-3'"),
        ("count", "between 3 and 5", "lr", "expected a number, found several in 'between 3 and 5'"),
        ("area", "large", "hr", "expected an area in square metres, found 'large'"),
        ("area", "3 km2", "hr", "expected an area in square metres, found another unit in '3 km2'"),
        ("area", "2 hectares", "none", "expected an area in square metres, found another unit in '2 hectares'"),
        ("area", "10 square feet", "hr", "expected an area in square metres, found another unit in '10 square feet'"),
    ],
)
def test_what_cannot_be_read_is_unparsed_with_the_reason(kind: str, text: str, bins: Bins, reason: str) -> None:
    assert parse(kind, text, bins) == Prediction("unparsed", reason)


def test_a_long_answer_is_cut_in_the_reason() -> None:
    reason = parse("presence", "perhaps " * 50).reason
    assert reason is not None
    assert reason.endswith("...'")
    assert len(reason) < 100


def test_an_empty_answer_is_empty_with_the_models_reason_where_it_has_one() -> None:
    sample = Sample("1", (), {}, Target(), tags={"type": "presence"})
    assert parse("presence", " \n") == Prediction("empty", "the answer is empty")
    assert parse("presence", "<think>I still") == Prediction("empty", "the answer is empty")
    cut = RsvqaAnswerParser().parse(Response(reason="out of tokens"), sample)
    assert cut == Prediction("empty", "out of tokens")


def test_a_right_answer_that_is_none_is_an_error_of_the_data() -> None:
    with pytest.raises(
        SampleError, match=r"own answer to a question of type 'presence' is unusable: expected yes or no"
    ):
        target("presence", "maybe")


def test_the_type_may_stand_under_another_tag() -> None:
    sample = Sample("1", (), {}, Target(), tags={"kind": "presence"})
    assert RsvqaAnswerParser(tag="kind").parse(Response(text="Yes!"), sample).text == "yes"


@given(kind=st.sampled_from(["presence", "comp", "count", "area", "rural_urban", "other"]), text=st.text(max_size=40))
@pytest.mark.parametrize("bins", ["none", "lr", "hr"])
def test_nothing_that_a_model_writes_raises(bins: Bins, kind: str, text: str) -> None:
    assert parse(kind, text, bins).status in ("ok", "unparsed", "empty")


@given(number=st.integers(0, 10**7))
def test_a_number_reads_the_same_however_it_is_written(number: int) -> None:
    written = {f"{number}", f"{number:,}", f"There are {number}.", f"{number}.0"}
    assert {parse("count", text).text for text in written} == {str(number)}
    assert {parse("area", f"{text} m2").text for text in (f"{number}", f"{number:,}")} == {f"{number}m2"}
