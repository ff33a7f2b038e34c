"""Scores of masks equal those that the published code computes on the same masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import ConfigurationError
from harness.interfaces import Metric
from harness.masks import empty, from_runs
from harness.metrics.no_target import NoTargetAccuracy, TargetAccuracy
from harness.metrics.segmentation import CumulativeIoU, MeanDice, MeanIoU, PrecisionAt
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
    rows = [row for target, prediction in pairs if (row := metric.score(target, prediction, {}))]
    return metric.reduce({name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {})


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


# Several masks of one image are paired by position and all counted, as LISA's validation does.
@pytest.mark.parametrize("name", SUBSETS)
def test_lisa_over_images_with_several_masks(pairs: list[Pair], expected: Any, name: str) -> None:
    wanted = set(expected["aggregate"]["subsets"][name])
    groups = [[index for index in group if index in wanted] for group in expected["groups"]]
    images = [
        (
            Target(masks=tuple(pairs[index][0].masks[0] for index in group)),
            Prediction("ok", masks=tuple(pairs[index][1].masks[0] for index in group)),
        )
        for group in groups
        if group
    ]
    grouped = expected["aggregate"][name]["lisa_grouped"]
    assert len(images) < len(wanted) or name.startswith("type_")
    assert score(MeanIoU("lisa"), images) == pytest.approx(grouped["giou"], abs=2e-5)
    assert score(CumulativeIoU("lisa"), images) == pytest.approx(grouped["ciou"], abs=2e-5)


@pytest.mark.parametrize("name", SUBSETS)
def test_pixdlm_counts_an_image_as_correct_above_a_quarter_of_both_classes(
    pairs: list[Pair], expected: Any, name: str
) -> None:
    chosen, values = subset(name, pairs, expected)
    share = score(PrecisionAt(0.25, "pixdlm"), chosen)
    assert share is not None
    assert round(share * len(chosen)) == values["pixdlm_correct_at_25"]


def test_pixdlm_pools_the_masks_of_an_image() -> None:
    small, large = from_runs((2, 4), [0, 1, 7]), from_runs((2, 4), [0, 4, 4])
    target, half = Target(masks=(small, large)), Prediction("ok", masks=(small, from_runs((2, 4), [0, 2, 6])))
    found = MeanIoU("pixdlm").score(target, half, {})
    assert found == {"iou": pytest.approx(((1 + 2) / (1 + 4) + (7 + 4) / (7 + 6)) / 2), "count": 1.0}


def check_rela(chosen: list[Pair], values: Any) -> None:
    assert score(MeanIoU("rela"), chosen) == pytest.approx(values["gIoU"] / 100, abs=1e-12)
    assert score(CumulativeIoU("rela"), chosen) == pytest.approx(values["cIoU"] / 100, abs=1e-12)
    assert score(TargetAccuracy(), chosen) == pytest.approx(values["T_acc"], abs=1e-12)
    assert score(NoTargetAccuracy(), chosen) == pytest.approx(values["N_acc"], abs=1e-12)
    for threshold in (0.7, 0.8, 0.9):
        found = score(PrecisionAt(threshold, "rela"), chosen)
        assert found == pytest.approx(values[f"Pr@{threshold}"] / 100, abs=1e-12)


def test_rela_where_an_empty_mask_says_that_there_is_no_target(pairs: list[Pair], expected: Any) -> None:
    check_rela(pairs, expected["aggregate"]["rela_nt_from_empty_mask"])


def test_rela_where_words_say_it_against_the_mask(pairs: list[Pair], expected: Any) -> None:
    told = [
        (target, Prediction("ok", masks=prediction.masks, no_target=no_target))
        for (target, prediction), no_target in zip(pairs, expected["nt_random"], strict=True)
    ]
    check_rela(told, expected["aggregate"]["rela_nt_random"])


def test_falcon_and_its_dice_leave_out_what_has_no_pixel(pairs: list[Pair], expected: Any) -> None:
    for (target, prediction), case in zip(pairs, expected["per_case"], strict=True):
        iou = MeanIoU("falcon").score(target, prediction, {})
        dice = MeanDice("falcon").score(target, prediction, {})
        if case["gt_area"] and case["pred_area"]:
            assert iou["iou"] == pytest.approx(case["falcon_iou"], abs=1e-12)
            assert dice["dice"] == pytest.approx(case["falcon_dice"], abs=1e-12)
        else:
            assert (iou, dice) == ({}, {})
    both_empty = (Target(masks=(EMPTY,)), Prediction("ok", masks=(EMPTY,)))
    assert score(MeanDice("rela"), [both_empty]) == expected["per_case"][150]["falcon_dice"] == 1


def test_every_recorded_iou_and_dice_of_falcon_is_met_those_of_empty_masks_too(
    pairs: list[Pair], expected: Any
) -> None:
    assert len(pairs) == len(expected["per_case"]) == 240
    for (target, prediction), case in zip(pairs, expected["per_case"], strict=True):
        assert rules("falcon").iou(case["intersection"], case["union"]) == pytest.approx(case["falcon_iou"], abs=1e-12)
        dice = MeanDice("rela").score(target, prediction, {})  # Dice as Falcon's, and no sample left out
        assert dice["dice"] == pytest.approx(case["falcon_dice"], abs=1e-12)


@pytest.mark.parametrize(
    ("preset", "key", "tolerance"),
    [
        ("rmsin", "rmsin_test_iou", 1e-15),
        ("lgce", "rmsin_train_iou", 1e-15),
        ("lisa", "lisa_iou", 2e-7),
        ("pixellm", "lisa_iou", 2e-7),
        ("segearth_r1", "segearth_r1_iou", 2e-7),
    ],
)
def test_every_case_alone(pairs: list[Pair], expected: Any, preset: Preset, key: str, tolerance: float) -> None:
    for (target, prediction), case in zip(pairs, expected["per_case"], strict=True):
        pixels = CumulativeIoU(preset).score(target, prediction, {})
        assert pixels == {"intersection": case["intersection"], "union": case["union"]}
        assert MeanIoU(preset).score(target, prediction, {})["iou"] == pytest.approx(case[key], abs=tolerance)


@pytest.mark.parametrize("preset", ["pixdlm", "earthmind"])
def test_every_case_alone_over_background_and_foreground(pairs: list[Pair], expected: Any, preset: Preset) -> None:
    for (target, prediction), case in zip(pairs, expected["per_case"], strict=True):
        iou = MeanIoU(preset).score(target, prediction, {})["iou"]
        assert iou * 100 == pytest.approx(case["pixdlm_per_image_miou_percent"], abs=1e-9)


def test_earthmind_adds_up_both_classes_and_leaves_out_answers_without_a_mask() -> None:
    half = from_runs((2, 2), [0, 2, 2])
    sample = (Target(masks=(half,)), Prediction("ok", masks=(FULL,)))
    assert CumulativeIoU("earthmind").score(*sample, {}) == {"intersection": 2 + 0, "union": 4 + 2}
    assert CumulativeIoU("earthmind").score(sample[0], Prediction("empty"), {}) == {}
    assert MeanIoU("earthmind").score(sample[0], Prediction("empty"), {}) == {}
    unreadable = Prediction("unparsed", "not a mask")
    assert CumulativeIoU("earthmind").score(sample[0], unreadable, {}) == {"intersection": 0, "union": 2 + 4}


def test_matching_finds_the_best_pairs_and_counts_what_is_left_on_either_side() -> None:
    left, right = from_runs((2, 4), [0, 4, 4]), from_runs((2, 4), [4, 4])
    one = from_runs((2, 4), [0, 2, 6])
    target = Target(masks=(left, right))
    swapped = Prediction("ok", masks=(right, left))
    assert MeanIoU("rmsin", pairing="matching").score(target, swapped, {}) == {"iou": 2.0, "count": 2.0}
    assert MeanIoU("rmsin", pairing="position").score(target, swapped, {}) == {"iou": 0.0, "count": 2.0}
    three = Prediction("ok", masks=(one, right, left))
    assert MeanIoU("rmsin", pairing="matching").score(target, three, {}) == {"iou": 2.0, "count": 3.0}
    assert CumulativeIoU("pixellm").score(target, three, {}) == {"intersection": 8.0, "union": 10.0}
    assert MeanIoU("rmsin", pairing="position").score(target, three, {}) == {"iou": 1.5, "count": 2.0}
    assert MeanIoU("rmsin", pairing="matching").score(target, Prediction("ok", masks=(one,)), {}) == {
        "iou": 0.5,
        "count": 2.0,
    }
    assert MeanIoU("rmsin").score(target, three, {}) == {"iou": 1.0, "count": 1.0}
    assert MeanIoU("rmsin", pairing="first").score(target, three, {}) == {"iou": 0.25, "count": 1.0}


def test_columns_score_as_samples_do(pairs: list[Pair]) -> None:
    pixels = [CumulativeIoU().score(target, prediction, {}) for target, prediction in pairs]
    shared, either = (np.array([row[name] for row in pixels], dtype=np.int64) for name in ("intersection", "union"))
    frames = np.array([target.masks[0].size[0] * target.masks[0].size[1] for target, _ in pairs])
    for preset, convention in PRESETS.items():
        if not convention.left_out:
            one_by_one = [MeanIoU(preset).score(*pair, {})["iou"] for pair in pairs]
            assert convention.scores(shared, either, frames).tolist() == one_by_one


def test_strict_gives_two_empty_masks_nothing_and_wants_more_than_the_threshold() -> None:
    half = from_runs((2, 2), [0, 2, 2])
    both_empty = (Target(masks=(EMPTY,)), Prediction("ok", masks=(EMPTY,)))
    exactly_half = (Target(masks=(FULL,)), Prediction("ok", masks=(half,)))
    assert score(MeanIoU("strict"), [both_empty]) == 0
    assert score(MeanIoU("strict"), [exactly_half]) == pytest.approx(2 / (4 + 1e-5), abs=1e-15)
    assert score(PrecisionAt(0.5, "strict"), [exactly_half]) == 0
    assert score(PrecisionAt(0.5, "rmsin"), [exactly_half]) == 1


@pytest.mark.parametrize(
    ("preset", "value"), [("rmsin", 0), ("lisa", 1), ("segearth_r1", 1), ("rela", 1), ("strict", 0)]
)
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
    assert PrecisionAt(0.5, preset).score(Target(masks=(EMPTY,)), unreadable, {}).get("hit", 0) == 0
    assert MeanDice(preset).score(Target(masks=(EMPTY,)), unreadable, {})["dice"] == 0
    assert score(NoTargetAccuracy(), [(Target(masks=(EMPTY,)), unreadable)]) == 0
    assert score(TargetAccuracy(), [(Target(masks=(FULL,)), unreadable)]) == 0


@pytest.mark.parametrize("metric", [CumulativeIoU(), MeanIoU(), MeanDice(), PrecisionAt(0.5)])
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
        (CumulativeIoU("strict"), "sum of |truth and prediction| / (sum of |truth or prediction| + 1e-10)"),
        (
            MeanIoU("lisa"),
            "sum of IoU / (pairs of masks + 1e-05), IoU = |truth and prediction| / (|truth or prediction| + 1e-05); "
            "both masks empty: 1; masks paired by position",
        ),
        (PrecisionAt(0.5), "share of samples with IoU >= 0.5; both masks empty: 0"),
        (PrecisionAt(0.75, "strict"), "share of samples with IoU > 0.75; both masks empty: 0"),
        (PrecisionAt(0.7, "rela"), "share of samples with a target with IoU >= 0.7"),
        (
            MeanDice(),
            "mean of 2 |truth and prediction| / (|truth| + |prediction|); both masks empty: 1; "
            "left out: empty truth, empty prediction",
        ),
        (
            CumulativeIoU("earthmind"),
            "sum of |truth and prediction| / (sum of |truth or prediction| + 1e-10); "
            "mean over foreground and background; left out: no prediction; masks paired by first",
        ),
    ],
)
def test_the_report_is_told_the_formula(metric: Any, formula: str) -> None:
    assert metric.info.formula == formula
    assert (metric.info.unit, metric.info.direction) == ("percent", "higher")
    assert metric.info.source == rules(metric.preset).source
