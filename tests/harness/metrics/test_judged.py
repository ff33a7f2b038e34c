"""Metrics that ask a judge: who is asked, what, and what a verdict is worth; numbers by hand."""

from typing import Any

import numpy as np
import pytest

from harness.errors import ConfigurationError, SampleError
from harness.metrics.clair import Clair, read_score
from harness.metrics.g_eval import GEval
from harness.metrics.judge_match import JudgeMatch
from harness.metrics.l3_lite import L3Lite, similarity
from harness.records import Inquiry, Prediction, Record, Target, Verdict

OK = Prediction("ok", text="Football pitch")


def record(truth: str = "Soccer field", prediction: Prediction = OK, **tags: str) -> Record:
    return Record(
        "k", "1", "c", (), (), "p", {"question": "What is it?"}, Target(texts=(truth,)), None, prediction, {}, tags
    )  # fmt: skip


@pytest.mark.parametrize(
    ("truth", "answer", "value"),
    [
        ("yes", "Yes, it is", 1.0),
        ("yes", "no", 0.0),
        ("4", "5", 0.0),
        ("4", "14", 1.0),  # a part of it, as in the authors' notebook
        ("99", "one hundred", 0.0),
    ],
)
def test_words_decide_before_the_judge(truth: str, answer: str, value: float) -> None:
    metric, found = JudgeMatch(), record(truth, Prediction("ok", text=answer))
    assert metric.score(found.target, found.prediction, {}) == {"value": value, "count": 1.0}
    assert metric.inquire(found) is None


@pytest.mark.parametrize("metric", [JudgeMatch(), Clair(), L3Lite(), GEval("clear")])
@pytest.mark.parametrize("status", ["unparsed", "empty"])
def test_an_answer_that_is_none_is_wrong_and_nobody_is_asked(metric: Any, status: Any) -> None:
    found = record(prediction=Prediction(status, "why"))
    assert metric.score(found.target, found.prediction, {}) == {"value": 0.0, "count": 1.0}
    assert metric.inquire(found) is None


def test_vrsbenchs_prompt_is_sent_as_published() -> None:
    metric, found = JudgeMatch(), record()
    assert metric.score(found.target, found.prediction, {}) == {}
    inquiry = metric.inquire(found)
    assert inquiry is not None
    assert inquiry.prompt == (
        "Question: What is it?\nGround Truth Answer: soccer field\nPredicted Answer: football pitch\nDoes the "
        "predicted answer match the ground truth? Answer 1 for match and 0 for not match. Use semantic meaning not "
        "exact match. "
        "Synonyms are also treated as a match, e.g., football and soccer, playground and ground track field, building "
        "and rooftop, pond and swimming pool. Do not explain the reason.\n"
    )


def test_a_match_is_one_or_nought_and_nothing_else() -> None:
    metric = JudgeMatch(average="type")
    assert metric.judged(record(type="color"), Verdict(" 1.\n")) == {"value/color": 1.0, "count/color": 1.0}
    assert metric.judged(record(type="color"), Verdict("0")) == {"value/color": 0.0, "count/color": 1.0}
    with pytest.raises(SampleError, match="expected 1 or 0 from the judge, found 'Yes, they match'"):
        metric.judged(record(), Verdict("Yes, they match"))


def test_micro_and_macro_differ() -> None:
    columns = {
        "value/a": np.array([1.0]),
        "count/a": np.array([1.0]),
        "value/b": np.array([0.0]),
        "count/b": np.array([3.0]),
    }
    assert JudgeMatch(average="type").reduce(columns) == 0.5
    assert JudgeMatch().reduce({"value": np.array([1.0]), "count": np.array([4.0])}) == 0.25


@pytest.mark.parametrize(
    ("columns", "score"),
    [
        ({"value": [1.0, 0.0], "count": [1.0, 1.0]}, 0.5),
        ({"value": [1.0, 0.0], "count": [1.0, 0.0], "unjudged": [0.0, 1.0]}, None),
        ({"unjudged": [1.0, 1.0]}, None),
    ],
)
def test_one_sample_without_a_verdict_leaves_the_score_undefined(columns: Any, score: float | None) -> None:
    for metric in (JudgeMatch(), Clair(), L3Lite(), GEval("clear")):
        assert metric.reduce({name: np.array(values) for name, values in columns.items()}) == score


@pytest.mark.parametrize(
    ("probabilities", "text", "score"),
    [
        ({"1": 0.6, "0": 0.2}, "1.00", 0.75),
        ({"1": 0.001, "0": 0.0}, "1", 1.0),
        ({"1": 0.0004, "0": 0.0005, "The": 0.9}, "The score is 0.25", 0.25),
        ({"The": 0.9}, "about 7.", 1.0),
        ({" 1": 0.3, " 0": 0.1}, "1", 0.75),
        ({"1": 0.5, " 1": 0.4, "0": 0.5}, "1", 0.5),
    ],
)
def test_l3_lite_by_hand(probabilities: dict[str, float], text: str, score: float) -> None:
    assert similarity(Verdict(text, probabilities)) == pytest.approx(score)


def test_l3_lite_rounds_as_its_script_and_sends_its_prompt() -> None:
    metric = L3Lite()
    judged = metric.judged(record(), Verdict("1", {"1": 2 / 3, "0": 1 / 3}))
    assert judged == pytest.approx({"value": 0.6667, "count": 1.0})
    inquiry = metric.inquire(record())
    assert inquiry is not None
    assert inquiry.raw
    assert inquiry.probabilities
    assert "Question:What is it?\nAnswer: Football pitch\nGrount truth: Soccer field\nPlease use" in inquiry.prompt
    assert inquiry.prompt.endswith("without any explanation. Your answer : ")


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Verdict("1"), "gave no probabilities; L3-Lite needs an endpoint that gives logprobs"),
        (Verdict("same", {"same": 1.0}), "expected a number from the judge, found 'same'"),
    ],
)
def test_l3_lite_without_numbers_is_undefined(verdict: Verdict, reason: str) -> None:
    with pytest.raises(SampleError, match=reason):
        L3Lite().judged(record(), verdict)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"score": 85, "reason": "alike"}', 0.85),
        ('```json\n{"score": "40"}\n```', 0.4),
        ('{"rating": 3} but I mean 70', 0.03),
        ("Score: 75. Reason: alike", 0.75),
        ("0.5", 0.5),
        ("100", 1.0),
    ],
)
def test_clair_reads_json_first_and_then_a_number(text: str, score: float) -> None:
    assert read_score(text) == pytest.approx(score)


@pytest.mark.parametrize("text", ["alike", '{"score": 250}', '{"score": null}', '{"score": NaN}'])
def test_a_verdict_without_a_score_cannot_be_read(text: str) -> None:
    with pytest.raises(SampleError, match="expected a score"):
        read_score(text)


def test_clair_lists_captions_as_its_code_does() -> None:
    inquiry = Clair().inquire(record("A field."))
    assert inquiry is not None
    assert "Candidate set:\n- Football pitch\n\nReference set:\n- A field.\n\nOn a precise scale" in inquiry.prompt


def test_g_eval_weighs_ratings_by_their_probabilities() -> None:
    metric = GEval("It is true.", scale=5, question="question")
    assert metric.judged(record(), Verdict("4", {"4": 0.6, "5": 0.2, "x": 0.2})) == pytest.approx(
        {"value": 0.8125, "count": 1}
    )
    assert metric.judged(record(), Verdict("2.")) == {"value": 0.25, "count": 1.0}
    inquiry = metric.inquire(record())
    assert isinstance(inquiry, Inquiry)
    assert "Question:\nWhat is it?\nRight answer:\nSoccer field\nAnswer to rate:\nFootball pitch" in inquiry.prompt
    assert "from 1 (worst) to 5 (best)" in metric.template


@pytest.mark.parametrize("text", ["good", "7", "4 or 5"])
def test_g_eval_refuses_what_is_no_rating(text: str) -> None:
    with pytest.raises(SampleError, match="expected a whole number from 1 to 5"):
        GEval("clear").judged(record(), Verdict(text))


def test_a_scale_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="`scale` is the best rating, 2 to 9, found 10"):
        GEval("clear", scale=10)
