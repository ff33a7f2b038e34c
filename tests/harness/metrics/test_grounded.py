"""Scores of grounded captions: AP50 is COCOeval's, pairs are GLaMM's."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from harness.errors import ConfigurationError
from harness.interfaces import Metric
from harness.masks import empty, encode, from_runs
from harness.metrics.grounded import GroundedMeanIoU, MaskAp, MaskRecall, greedy_ious
from harness.records import Mask, Prediction, Target

Sample = tuple[Target, Prediction]
SHIP, QUAY, PIER = from_runs((2, 4), [0, 3, 5]), from_runs((2, 4), [1, 3, 4]), from_runs((2, 4), [6, 2])


def score(metric: Metric, samples: list[Sample]) -> float | None:
    rows = [metric.score(target, prediction, {}) for target, prediction in samples]
    names = sorted(set().union(*rows))
    return metric.reduce({name: np.array([row.get(name, 0.0) for row in rows]) for name in names})


def squares(random: np.random.Generator, count: int) -> list[Mask]:
    found = []
    for _ in range(count):
        pixels = np.zeros((40, 50), dtype=bool)
        y, x, side = random.integers(0, 30), random.integers(0, 40), random.integers(3, 15)
        pixels[y : y + side, x : x + side] = True
        found.append(encode(pixels))
    return found


def shifted(masks: list[Mask], random: np.random.Generator) -> list[Mask]:
    from harness.masks import decode

    return [encode(np.roll(decode(mask), random.integers(-2, 3), axis=1)) for mask in masks]


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    random = np.random.default_rng(5)
    found = []
    for _ in range(30):
        true = squares(random, int(random.integers(1, 9)))
        guesses = shifted(true[: random.integers(0, len(true) + 1)], random) + squares(
            random, int(random.integers(0, 4))
        )
        order = random.permutation(len(guesses))
        guess = Prediction("ok" if guesses else "empty", masks=tuple(guesses[place] for place in order))
        found.append((Target(masks=tuple(true)), guess))
    return found


def coco_ap(samples: list[Sample], threshold: float) -> float:
    def code(mask: Mask) -> dict[str, Any]:
        return {"size": list(mask.size), "counts": mask.counts.encode()}

    images = [{"id": number, "height": 40, "width": 50} for number in range(1, len(samples) + 1)]
    truths: list[dict[str, Any]] = []
    guesses: list[dict[str, Any]] = []
    for number, (target, prediction) in enumerate(samples, 1):
        for mask in target.masks:
            row = {"id": len(truths) + 1, "image_id": number, "category_id": 1, "iscrowd": 0, "area": 1}
            truths.append(row | {"segmentation": code(mask), "bbox": [0, 0, 1, 1]})
        row = {"image_id": number, "category_id": 1, "score": 1.0}
        guesses += [row | {"segmentation": code(mask)} for mask in prediction.masks]
    truth = COCO()
    truth.dataset = {"images": images, "annotations": truths, "categories": [{"id": 1, "name": "thing"}]}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(guesses), "segm")
        evaluation.params.iouThrs = np.array([threshold])
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, 0, 0, -1]
    return float(precision[precision > -1].mean())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.75, 1.0])
def test_average_precision_is_that_of_cocoeval(samples: list[Sample], threshold: float) -> None:
    expected = coco_ap(samples, threshold)
    assert 0 < expected < 0.9
    assert score(MaskAp(threshold), samples) == pytest.approx(expected, abs=1e-12)


def test_pairs_are_the_best_first_and_one_to_one() -> None:
    assert list(greedy_ious([SHIP, QUAY], [QUAY, PIER])) == [1.0]
    assert list(greedy_ious([QUAY, SHIP], [SHIP, QUAY])) == [1.0, 1.0]
    assert list(greedy_ious([], [SHIP])) == []


def test_a_mask_without_a_partner_costs_recall_and_no_mean_iou() -> None:
    half = [(Target(masks=(SHIP, PIER)), Prediction("ok", masks=(SHIP,)))]
    assert score(GroundedMeanIoU(), half) == 1
    assert score(MaskRecall(), half) == 0.5
    assert score(MaskRecall(0.9), [(Target(masks=(SHIP,)), Prediction("ok", masks=(QUAY,)))]) == 0


@pytest.mark.parametrize("prediction", [Prediction("empty"), Prediction("unparsed", masks=(SHIP,))])
@pytest.mark.parametrize("metric", [MaskAp(), GroundedMeanIoU(), MaskRecall()])
def test_nothing_marked_or_nothing_readable_scores_nothing(metric: Metric, prediction: Prediction) -> None:
    assert score(metric, [(Target(masks=(SHIP,)), prediction)]) == 0


@pytest.mark.parametrize("metric", [MaskAp(), GroundedMeanIoU(), MaskRecall()])
def test_no_target_leaves_the_score_undefined(metric: Metric) -> None:
    rows = metric.score(Target(), Prediction("ok", masks=(empty((2, 4)),)), {})
    assert metric.reduce({name: np.array([value]) for name, value in rows.items()}) is None


@pytest.mark.parametrize("metric", [MaskAp, MaskRecall])
def test_a_threshold_that_is_no_iou_is_refused(metric: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"above 0 and at most 1, found 50\. Write 0\.5 for 50 %\."):
        metric(50)
