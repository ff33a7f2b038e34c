"""Boxes against values made with the peers' code, and the conventions that set the presets apart."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import ConfigurationError
from harness.metrics.grounding import BoxAccuracy, BoxCentre, BoxCumulativeIoU, BoxMeanIoU, pair
from harness.metrics.grounding_rules import PRESETS, BoxPreset, rules
from harness.records import Box, Prediction, Target

UNIT = (0.0, 0.0, 4.0, 2.0)
HALF = (0.0, 0.0, 2.0, 2.0)


def target(*boxes: Box) -> Target:
    return Target(boxes=boxes)


def answer(*boxes: Box) -> Prediction:
    return Prediction("ok" if boxes else "unparsed", boxes=boxes)


def boxes(pair_of_boxes: dict[str, Any], kind: str) -> tuple[Target, Prediction]:
    return target(tuple(pair_of_boxes[f"gt{kind}"])), answer(tuple(pair_of_boxes[f"pred{kind}"]))


def test_every_parity_pair_is_reproduced(shared: Path) -> None:
    pairs = json.loads((shared / "parity/metrics/box_cases.json").read_bytes())["pairs"]
    assert len(pairs) == 200
    for found in pairs:
        plain = BoxMeanIoU().score(*boxes(found, ""), {})["iou"]
        cells = BoxMeanIoU(preset="vrsbench").score(*boxes(found, "_int"), {})["iou"]
        centre = BoxCentre().score(*boxes(found, ""), {})["hit"]
        assert plain == pytest.approx(found["lmms_refcoco_iou"], abs=1e-9)
        assert cells == pytest.approx(found["vrsbench_iou_plus1"], abs=1e-12)
        assert centre == found["lmms_center_acc"]


@pytest.mark.parametrize(
    ("preset", "iou", "at_half"),
    [("rsvg", 0.5, 0.0), ("remotesam", 0.5, 1.0), ("vrsbench", 9 / 15, 1.0), ("falcon", 4 / 8.1, 0.0)],
)
def test_presets_differ_as_the_code_they_are_named_after(preset: BoxPreset, iou: float, at_half: float) -> None:
    assert BoxMeanIoU(preset).score(target(UNIT), answer(HALF), {})["iou"] == pytest.approx(iou)
    assert BoxAccuracy(0.5, preset).score(target(UNIT), answer(HALF), {})["hit"] == at_half


def test_every_preset_says_whose_it_is() -> None:
    for preset in PRESETS:
        info = BoxAccuracy(0.5, preset).info  # type: ignore[arg-type]
        assert len(info.source) > 40
        assert f"IoU {rules(preset).reaches} 0.5" in info.formula  # type: ignore[arg-type]


def test_vrsbench_rounds_to_whole_hundredths_and_knows_boxes_of_one() -> None:
    metric = BoxMeanIoU("vrsbench")
    assert metric.score(target((92, 0, 96, 0)), answer((92.0000003, 0, 95.9999998, 0)), {})["iou"] == 1.0
    assert BoxMeanIoU().score(target((92, 0, 96, 0)), answer((92, 0, 96, 0)), {})["iou"] == 0.0


@pytest.mark.parametrize("metric", [BoxAccuracy(0.5), BoxMeanIoU(), BoxCentre()])
def test_an_unread_answer_scores_nothing_and_counts(metric: Any) -> None:
    statistics = metric.score(target(UNIT), answer(), {})
    assert list(statistics.values()) == [0.0, 1.0]


def test_cumulative_iou_weighs_by_area_and_keeps_what_was_missed() -> None:
    metric = BoxCumulativeIoU()
    rows = [metric.score(target(UNIT), answer(HALF), {}), metric.score(target(UNIT), answer(), {})]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    assert metric.reduce(columns) == 4 / 16
    assert BoxCumulativeIoU("falcon").score(target(UNIT), answer(HALF), {}) == {"intersection": 4.0, "union": 8.1}


@pytest.mark.parametrize("metric", [BoxAccuracy(0.5), BoxMeanIoU(), BoxCumulativeIoU(), BoxCentre()])
def test_a_sample_without_a_true_box_is_left_out(metric: Any) -> None:
    assert metric.score(Target(texts=("yes",)), answer(HALF), {}) == {}
    assert metric.reduce({}) is None


def test_several_boxes_are_paired_whatever_their_order() -> None:
    first, second, third = (0, 0, 2, 2), (4, 0, 6, 2), (0, 4, 2, 6)
    assert pair(rules("remotesam"), (first, second), (second, first)).ious == (1.0, 1.0)
    assert BoxAccuracy(0.5).score(target(first, second), answer(second, first), {})["hit"] == 1.0
    assert BoxAccuracy(0.5).score(target(first, second), answer(first), {})["hit"] == 0.0
    assert BoxAccuracy(0.5).score(target(first), answer(first, third), {})["hit"] == 0.0
    assert BoxMeanIoU().score(target(first, second), answer(first, third, second), {})["iou"] == pytest.approx(2 / 3)


def test_the_average_gives_each_scenario_the_same_weight() -> None:
    metric = BoxAccuracy(0.5, average="scenario")
    rows = [metric.score(target(UNIT), answer(UNIT), {"scenario": "sport"})]
    rows += [metric.score(target(UNIT), answer(), {"scenario": "traffic"}) for _ in range(3)]
    names = sorted(set().union(*rows))
    columns = {name: np.array([row.get(name, 0.0) for row in rows]) for name in names}
    assert metric.reduce(columns) == 0.5
    assert metric.score(target(UNIT), answer(UNIT), {}) == {}
    assert "mean over the values of 'scenario'" in metric.info.formula


def test_dvgbench_averages_of_the_paper_are_means_of_scenarios() -> None:
    # DroneVG-R1 7B's row: six scenarios with their numbers of queries, and the AVG that the paper prints.
    shares = {"security": (24, 42), "traffic": (150, 288), "social": (41, 91), "disaster": (23, 53)}
    shares |= {"productive": (171, 242), "sport": (69, 157)}
    columns = {f"hit/{name}": np.array([float(hits)]) for name, (hits, _) in shares.items()}
    columns |= {f"count/{name}": np.array([float(count)]) for name, (_, count) in shares.items()}
    score = BoxAccuracy(0.5, average="scenario").reduce(columns)
    assert score is not None
    assert round(100 * score, 2) == 52.05


@pytest.mark.parametrize("threshold", [0.0, 1.5, -1.0])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigurationError, match="`threshold` is an IoU above 0 and at most 1, found .*Write 0.5"):
        BoxAccuracy(threshold)
