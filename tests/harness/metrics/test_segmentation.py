"""Scores of masks equal those that the published code computes on the same masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import ConfigurationError
from harness.interfaces import Metric
from harness.masks import empty, from_runs
from harness.metrics.segmentation import CumulativeIoU, MeanIoU, PrecisionAt
from harness.metrics.segmentation_rules import PRESETS, Preset, rules
from harness.records import Mask, Prediction, Target

Pair = tuple[Target, Prediction]
SUBSETS = ["all", "no_empty", "gt_nonempty", "type_Attribute", "type_Spatial", "type_Scene"]
THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.9]
EMPTY, FULL = empty((2, 2)), from_runs((2, 2), [0, 4])


@pytest.fixture(scope="module")
def expected(shared: Path) -> Any:
    return json.loads((shared / "parity/metrics/seg_expected.json").read_bytes())


@pytest.fixture(scope="module")
def pairs(shared: Path) -> list[Pair]:
    def mask(stored: Any) -> Mask:
        return Mask((stored["size"][0], stored["size"][1]), stored["counts"])

    cases = json.loads((shared / "parity/metrics/seg_cases.json").read_bytes())
    return [(Target(masks=(mask(c["gt"]),)), Prediction("ok", masks=(mask(c["pred"]),))) for c in cases]


def score(metric: Metric, pairs: list[Pair]) -> float | None:
    rows = [metric.score(target, prediction, {}) for target, prediction in pairs]
    return metric.reduce({name: np.array([row[name] for row in rows]) for name in rows[0]})


def subset(name: str, pairs: list[Pair], expected: Any) -> tuple[list[Pair], Any]:
    return [pairs[index] for index in expected["aggregate"]["subsets"][name]], expected["aggregate"][name]


@pytest.mark.parametrize("name", SUBSETS)
def test_rmsin(pairs: list[Pair], expected: Any, name: str) -> None:
    chosen, values = subset(name, pairs, expected)
    rmsin = values["rmsin_test"]
    assert score(MeanIoU("rmsin"), chosen) == pytest.approx(rmsin["mIoU"], abs=1e-12)
    assert score(CumulativeIoU("rmsin"), chosen) == pytest.approx(rmsin["oIoU"] / 100, abs=1e-12)
    for threshold in THRESHOLDS:
        found = score(PrecisionAt(threshold, "rmsin"), chosen)
        assert found == pytest.approx(rmsin["precision"][str(threshold)] / 100, abs=1e-12)


# LISA sums in float32: the parity notes give a tolerance of 2e-5.
@pytest.mark.parametrize("name", SUBSETS)
def test_lisa(pairs: list[Pair], expected: Any, name: str) -> None:
    chosen, values = subset(name, pairs, expected)
    lisa = values["lisa_one_mask_per_image"]
    assert score(MeanIoU("lisa"), chosen) == pytest.approx(lisa["giou"], abs=2e-5)
    assert score(CumulativeIoU("lisa"), chosen) == pytest.approx(lisa["ciou"], abs=2e-5)


@pytest.mark.parametrize("name", SUBSETS)
def test_segearth_r1(pairs: list[Pair], expected: Any, name: str) -> None:
    chosen, values = subset(name, pairs, expected)
    segearth = values["segearth_r1"]
    assert score(MeanIoU("segearth_r1"), chosen) == pytest.approx(segearth["giou"], abs=1e-7)
    assert score(CumulativeIoU("segearth_r1"), chosen) == pytest.approx(segearth["ciou"], abs=1e-12)
    for threshold in THRESHOLDS:
        found = score(PrecisionAt(threshold, "segearth_r1"), chosen)
        assert found == pytest.approx(segearth["precision"][str(threshold)], abs=1e-12)


@pytest.mark.parametrize(
    ("preset", "key", "tolerance"),
    [("rmsin", "rmsin_test_iou", 1e-15), ("lisa", "lisa_iou", 2e-7), ("segearth_r1", "segearth_r1_iou", 2e-7)],
)
def test_every_case_alone(pairs: list[Pair], expected: Any, preset: Preset, key: str, tolerance: float) -> None:
    for (target, prediction), case in zip(pairs, expected["per_case"], strict=True):
        pixels = CumulativeIoU(preset).score(target, prediction, {})
        assert pixels == {"intersection": case["intersection"], "union": case["union"]}
        assert MeanIoU(preset).score(target, prediction, {})["iou"] == pytest.approx(case[key], abs=tolerance)


def test_strict_gives_two_empty_masks_nothing_and_wants_more_than_the_threshold() -> None:
    half = from_runs((2, 2), [0, 2, 2])
    both_empty = (Target(masks=(EMPTY,)), Prediction("ok", masks=(EMPTY,)))
    exactly_half = (Target(masks=(FULL,)), Prediction("ok", masks=(half,)))
    assert score(MeanIoU("strict"), [both_empty]) == 0
    assert score(MeanIoU("strict"), [exactly_half]) == pytest.approx(2 / (4 + 1e-5), abs=1e-15)
    assert score(PrecisionAt(0.5, "strict"), [exactly_half]) == 0
    assert score(PrecisionAt(0.5, "rmsin"), [exactly_half]) == 1


@pytest.mark.parametrize(("preset", "value"), [("rmsin", 0), ("lisa", 1), ("segearth_r1", 1), ("strict", 0)])
def test_no_answer_is_an_empty_mask(preset: Preset, value: float) -> None:
    metric = MeanIoU(preset)
    no_answer = Prediction("empty", "the answer has no mask")
    assert metric.score(Target(masks=(EMPTY,)), no_answer, {}) == {"iou": value, "count": 1.0}
    assert metric.score(Target(masks=(FULL,)), no_answer, {}) == {"iou": 0.0, "count": 1.0}
    assert CumulativeIoU(preset).score(Target(masks=(FULL,)), no_answer, {}) == {"intersection": 0.0, "union": 4.0}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_an_unreadable_answer_is_wrong_even_where_nothing_was_to_be_found(preset: Preset) -> None:
    unreadable = Prediction("unparsed", "the mask has another size")
    assert MeanIoU(preset).score(Target(masks=(EMPTY,)), unreadable, {})["iou"] == 0
    assert PrecisionAt(0.5, preset).score(Target(masks=(EMPTY,)), unreadable, {})["hit"] == 0


@pytest.mark.parametrize("metric", [CumulativeIoU(), MeanIoU(), PrecisionAt(0.5)])
def test_a_sample_without_a_true_mask_is_left_out(metric: Metric) -> None:
    assert metric.score(Target(), Prediction("ok", masks=(FULL,)), {}) == {}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_undefined_scores_are_none(preset: Preset) -> None:
    zero = np.zeros(3)
    assert CumulativeIoU(preset).reduce({"intersection": zero, "union": zero}) is None
    assert MeanIoU(preset).reduce({"iou": zero, "count": zero}) is None
    assert PrecisionAt(0.5, preset).reduce({"hit": zero, "count": zero}) is None
    assert CumulativeIoU(preset).reduce({}) is None


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown segmentation preset 'rmsim'\. Did you mean 'rmsin'\? Known: r"
    ):
        rules("rmsim")


@pytest.mark.parametrize("threshold", [0, -0.1, 1.1, 50])
def test_a_threshold_that_is_no_iou_is_refused(threshold: float) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"above 0 and at most 1, found {threshold:g}\. Write 0\.5 for P@0\.5"
    ):
        PrecisionAt(threshold)


@pytest.mark.parametrize(
    ("metric", "formula"),
    [
        (CumulativeIoU(), "sum of |truth and prediction| / (sum of |truth or prediction|)"),
        (CumulativeIoU("lisa"), "sum of |truth and prediction| / (sum of |truth or prediction| + 1e-10)"),
        (
            MeanIoU("lisa"),
            "sum of IoU / (samples + 1e-05), IoU = |truth and prediction| / (|truth or prediction| + 1e-05); "
            "both masks empty: 1",
        ),
        (PrecisionAt(0.5), "share of samples with IoU >= 0.5; both masks empty: 0"),
        (PrecisionAt(0.75, "segearth_r1"), "share of samples with IoU > 0.75; both masks empty: 1"),
    ],
)
def test_the_report_is_told_the_formula(metric: Any, formula: str) -> None:
    assert metric.info.formula == formula
    assert (metric.info.unit, metric.info.direction) == ("percent", "higher")
    assert metric.info.source == rules(metric.preset).source
