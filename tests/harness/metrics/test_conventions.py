"""All conventions at once give what each metric gives sample by sample."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import SampleError
from harness.interfaces import Metric
from harness.masks import empty
from harness.metrics.conventions import THRESHOLDS, by_every_convention
from harness.metrics.segmentation import CumulativeIoU, MeanIoU, PrecisionAt
from harness.metrics.segmentation_rules import PRESETS
from harness.records import Mask, Prediction, Target


def score(metric: Metric, true: list[Mask], predicted: list[Mask]) -> tuple[float | None, int]:
    pairs = zip(true, predicted, strict=True)
    rows = [
        row for one, other in pairs if (row := metric.score(Target(masks=(one,)), Prediction("ok", masks=(other,)), {}))
    ]
    return metric.reduce({name: np.array([row[name] for row in rows]) for name in rows[0]}), len(rows)


def test_the_numbers_are_those_of_the_metrics(shared: Path) -> None:
    def mask(stored: Any) -> Mask:
        return Mask((stored["size"][0], stored["size"][1]), stored["counts"])

    cases = json.loads((shared / "parity/metrics/seg_cases.json").read_bytes())
    true, predicted = [mask(case["gt"]) for case in cases], [mask(case["pred"]) for case in cases]
    found = by_every_convention(true, predicted)
    assert list(found) == list(PRESETS)
    for preset, scores in found.items():
        mean, count = score(MeanIoU(preset), true, predicted)  # type: ignore[arg-type]
        assert (scores.mean_iou, scores.count) == (pytest.approx(mean, abs=1e-13), count)
        cumulative, _ = score(CumulativeIoU(preset), true, predicted)  # type: ignore[arg-type]
        assert scores.cumulative_iou == pytest.approx(cumulative, abs=1e-13)
        for threshold in THRESHOLDS:
            precision, _ = score(PrecisionAt(threshold, preset), true, predicted)  # type: ignore[arg-type]
            assert scores.precision[threshold] == pytest.approx(precision, abs=1e-13)


def test_scores_of_no_pair_are_undefined() -> None:
    for scores in by_every_convention([], []).values():
        assert (scores.mean_iou, scores.cumulative_iou, scores.count) == (None, None, 0)
        assert set(scores.precision.values()) == {None}


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(SampleError, match="cannot be compared"):
        by_every_convention([empty((1, 2))], [empty((2, 1))])
