"""Accuracy: over questions, over types, and GeoChat's protocol; equal to a real model's published scores."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import ConfigurationError
from harness.interfaces import Columns
from harness.metrics.accuracy import Accuracy
from harness.parsers.rsvqa import RsvqaAnswerParser
from harness.readers.json_lines import JsonLinesReader
from harness.records import Prediction, Response, Target

Answered = list[tuple[Target, Prediction, dict[str, str]]]


def columns(metric: Accuracy, answered: Answered) -> Columns:
    rows = [row for row in (metric.score(*sample) for sample in answered) if row]
    return {name: np.array([row.get(name, 0.0) for row in rows]) for name in {name for row in rows for name in row}}


def answered(kind: str, right: int, wrong: int) -> Answered:
    target, tags = Target(texts=("yes", "yeah")), {"type": kind}
    return [(target, Prediction("ok", text="yeah"), tags)] * right + [
        (target, Prediction("ok", text="no"), tags)
    ] * wrong


MIXED = answered("presence", 3, 1) + answered("count", 0, 2) + answered("comp", 1, 1)


def test_overall_accuracy_weighs_questions() -> None:
    assert Accuracy().reduce(columns(Accuracy(), MIXED)) == 4 / 8


def test_average_accuracy_weighs_types() -> None:
    metric = Accuracy(average="type")
    assert metric.reduce(columns(metric, MIXED)) == pytest.approx((3 / 4 + 0 + 1 / 2) / 3)


def test_only_keeps_the_named_values() -> None:
    metric = Accuracy(only={"type": ["presence", "comp"]})
    assert metric.reduce(columns(metric, MIXED)) == 4 / 6
    assert metric.score(Target(texts=("yes",)), Prediction("ok", text="yes"), {}) == {}


def test_geochats_preset_leaves_counts_out_and_ignores_spaces_stops_and_capitals() -> None:
    metric = Accuracy(preset="geochat")
    assert metric.reduce(columns(metric, MIXED)) == 4 / 6
    target = Target(texts=("rural",))
    assert metric.score(target, Prediction("ok", text=" R ural."), {"type": "rural_urban"})["correct"] == 1
    assert Accuracy().score(target, Prediction("ok", text="Rural."), {"type": "rural_urban"})["correct"] == 0
    assert Accuracy(match="geochat").score(target, Prediction("ok", text="Rural."), {})["correct"] == 1


@pytest.mark.parametrize("status", ["unparsed", "empty"])
def test_an_answer_that_could_not_be_read_is_wrong(status: Any) -> None:
    prediction = Prediction(status, "why", text="yes")
    assert Accuracy().score(Target(texts=("yes", "")), prediction, {}) == {"correct": 0.0, "count": 1.0}


def test_without_samples_the_score_is_undefined() -> None:
    assert Accuracy().reduce({}) is None
    assert Accuracy().reduce({"correct": np.zeros(2), "count": np.zeros(2)}) is None
    types = {"correct/a": np.ones(1), "count/a": np.ones(1), "correct/b": np.zeros(1), "count/b": np.zeros(1)}
    assert Accuracy(average="type").reduce(types) is None


def test_a_sample_without_a_right_answer_in_words_is_left_out() -> None:
    assert Accuracy().score(Target(), Prediction("ok", text="yes"), {}) == {}


def test_a_sample_without_the_averaged_tag_is_left_out() -> None:
    assert Accuracy(average="type").score(Target(texts=("yes",)), Prediction("ok", text="yes"), {}) == {}


@pytest.mark.parametrize("options", [{"average": "type"}, {"only": {"type": ["count"]}}, {"match": "geochat"}])
def test_a_preset_beside_its_own_options_is_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"preset 'geochat' sets `match`, `only` and the average"):
        Accuracy(preset="geochat", **options)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Accuracy(), "right answers / questions; equal strings"),
        (Accuracy(average="type"), "mean over 'type' of right answers / questions; equal strings"),
        (
            Accuracy(preset="geochat"),
            "right answers / questions; only type in comp, presence, rural_urban; equal strings, ignoring spaces, full "
            "stops and capitals",
        ),
    ],
)
def test_the_report_is_told_the_formula(metric: Accuracy, words: str) -> None:
    assert (metric.info.unit, metric.info.direction, metric.info.formula) == ("percent", "higher", words)
    assert ("GeoChat" if metric.preset else "TGRS 2020") in metric.info.source


def test_a_real_models_published_scores_come_out(shared: Path) -> None:
    expected = json.loads((shared / "parity/metrics/earthdial_vqa_cls_expected.json").read_bytes())
    folder, file = shared / "data/earthdial", "rs_vqa__RSVQA_LR.jsonl"
    answers = [json.loads(line)["answer"] for line in (folder / file).read_text().splitlines()]
    parser = RsvqaAnswerParser(bins="lr")
    found: Answered = [
        (parser.target(sample), parser.parse(Response(text=answer), sample), dict(sample.tags))
        for sample, answer in zip(
            JsonLinesReader(file, target="annotation", tags={"type": "vqa_type"}).samples(folder), answers, strict=True
        )
    ]

    def score(**options: Any) -> float | None:
        metric = Accuracy(**options)
        return metric.reduce(columns(metric, found))

    official = expected["RSVQA_LR/bucketed_by_VocabEncoder"]
    assert score() == pytest.approx(official["OA"], abs=1e-12)
    assert score(average="type") == pytest.approx(official["AA"], abs=1e-12)
    for kind, value in official["per_type"].items():
        assert score(only={"type": [kind]}) == pytest.approx(value, abs=1e-12)
    parts = [expected[f"RSVQA_LR/{kind}"] for kind in ("presence", "comp", "rural_urban")]
    weighted = sum(part["score"] * part["n"] for part in parts) / sum(part["n"] for part in parts)
    assert score(preset="geochat") == pytest.approx(weighted, abs=1e-12)


@pytest.mark.parametrize(
    ("right", "answer", "expected"),
    [
        ("Yes", "yes, a road", 1.0),
        ("no", "to the north", 1.0),
        ("2", "12", 1.0),
        ("large vehicle", "vehicle", 0.0),
        ("0", "none", 0.0),
        ("", "anything", 0.0),
    ],
)
def test_vrsbenchs_rule_looks_for_the_right_answer_within(right: str, answer: str, expected: float) -> None:
    metric = Accuracy(match="contains")
    assert metric.score(Target(texts=(right,)), Prediction("ok", text=answer), {})["correct"] == expected
    assert metric.score(Target(texts=(right,)), Prediction("empty"), {})["correct"] == 0.0
    assert "VRSBench" in metric.info.source
    assert "somewhere in the answer" in metric.info.formula
