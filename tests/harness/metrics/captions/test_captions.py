"""BLEU, ROUGE-L and CIDEr against pycocoevalcap's numbers, and what they make of answers that cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.metrics.captions.bleu import Bleu
from harness.metrics.captions.cider import Cider
from harness.metrics.captions.rouge import RougeL, common_length, rouge_l
from harness.records import Answered, Prediction, Target
from harness.statistics import interval
from tests.harness.metrics.captions.reference import SETS, columns, reference

METRICS: dict[str, Any] = {
    "Bleu_1": Bleu(order=1),
    "Bleu_2": Bleu(order=2),
    "Bleu_3": Bleu(order=3),
    "Bleu_4": Bleu(order=4),
    "ROUGE_L": RougeL(),
    "CIDEr": Cider(),
}
PLANE, SHIP = Target(texts=("a white plane",)), Target(texts=("a ship", "one ship on water"))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("score", METRICS)
def test_equal_to_pycocoevalcap(shared: Path, name: str, score: str) -> None:
    expected, metric = reference(shared, name), METRICS[score]
    found = columns(metric, expected.samples)
    assert metric.reduce(found) == pytest.approx(expected.corpus[score], abs=1e-9)
    assert metric.from_totals(found) == pytest.approx(np.array(expected.per_image[score]), abs=1e-9)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_an_answer_that_cannot_be_read_is_wrong_and_one_without_references_left_out(metric: Any) -> None:
    empty = Target(texts=("",))
    unread = [
        Answered(empty, Prediction("unparsed", "why", text="a white plane")),
        Answered(PLANE, Prediction("empty")),
    ]
    assert metric.reduce(columns(metric, unread)) == pytest.approx(0, abs=1e-9)
    none = Answered(Target(), Prediction("ok", text="a plane"))
    rows = (
        metric.score_all([none]) if hasattr(metric, "score_all") else [metric.score(none.target, none.prediction, {})]
    )
    assert rows == [{}]


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_no_sample_gives_no_score(metric: Any) -> None:
    assert metric.reduce({}) is None


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_captions_have_intervals(shared: Path, metric: Any) -> None:
    found = columns(metric, reference(shared, "ucm_earthdial").samples)
    bounds = interval(metric, found, np.arange(210), replicates=200)
    assert bounds.low is not None
    assert bounds.high is not None
    assert bounds.low < metric.reduce(found) < bounds.high


def test_the_order_of_the_samples_does_not_matter(shared: Path) -> None:
    samples = reference(shared, "edge").samples
    for metric in METRICS.values():
        backwards = columns(metric, samples[::-1])
        assert {name: column[::-1].tolist() for name, column in backwards.items()} == {
            name: column.tolist() for name, column in columns(metric, samples).items()
        }


def test_the_longest_common_subsequence_by_the_usual_table() -> None:
    random = np.random.default_rng(5)
    for _ in range(200):
        first, second = (random.integers(0, 4, random.integers(0, 12)).astype(str).tolist() for _ in range(2))
        table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
        for row, one in enumerate(first, 1):
            for column, other in enumerate(second, 1):
                best = max(table[row - 1, column], table[row, column - 1])
                table[row, column] = table[row - 1, column - 1] + 1 if one == other else best
        assert common_length(first, second) == table[-1, -1]


def test_rouge_takes_precision_and_recall_of_different_references() -> None:
    # Precision 1 from the second reference, recall 1 from the first, so no reference alone gives 1.
    assert rouge_l("red roof", ["red", "a red roof over there"]) == pytest.approx(1)


def test_cider_without_clipping_and_penalty_rewards_repetition() -> None:
    samples = [
        Answered(PLANE, Prediction("ok", text="white plane white plane")),
        Answered(SHIP, Prediction("ok", text="x")),
    ]
    coco, plain = (Cider(preset=name).score_all(samples)[0]["cider"] for name in ("coco", "plain"))
    # Vectors over n = 1: (white, plane) twice each against (a: 0, white, plane): cosine 1; n = 2: cosine 2/sqrt(5 * 2).
    assert plain == pytest.approx(10 * (1 + 2 / np.sqrt(10)) / 4)
    assert coco < plain


def test_failed_samples_lend_cider_their_references() -> None:
    answered = [
        Answered(PLANE, Prediction("ok", text="a white plane")),
        Answered(SHIP, Prediction("failed", "no image")),
    ]
    assert Cider().score_all(answered)[0]["cider"] > 0
    assert Cider().score_all(answered[:1])[0]["cider"] == 0
