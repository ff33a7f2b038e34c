"""One set of masks scored by every convention at once: what of a difference between papers is not the models'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness.deferred import Deferred
from harness.masks import area, overlap
from harness.metrics.segmentation_rules import PRESETS, SegmentationRules
from harness.records import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
else:
    np = Deferred("numpy")

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class ConventionScores:
    """The scores of one convention, None where undefined.

    Attributes:
        mean_iou: mIoU, which others call gIoU.
        cumulative_iou: oIoU, which others call cIoU.
        precision: P@X by threshold.
        count: how many pairs were scored.
    """

    mean_iou: float | None
    cumulative_iou: float | None
    precision: Mapping[float, float | None]
    count: int


def by_every_convention(true: Sequence[Mask], predicted: Sequence[Mask]) -> dict[str, ConventionScores]:
    """Returns the scores of N pairs of checked masks, one pair a sample, under each preset.

    Every overlap is counted once, and the presets are computed over columns: the numbers are those of the metrics
    `mean_iou`, `cumulative_iou` and `precision_at`.

    >>> from harness.masks import empty, from_runs
    >>> ship, guess = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> scores = by_every_convention([ship, empty((2, 2))], [guess, empty((2, 2))])
    >>> scores["rmsin"].mean_iou, scores["rela"].mean_iou, scores["falcon"].count
    (0.25, 0.75, 1)

    Args:
        true: the right masks.
        predicted: one a right one, of its size; an empty mask where an answer has none.

    Raises:
        SampleError: a pair's sizes differ.
    """
    counted = [
        (*overlap(one, other), area(one), area(other), one.size[0] * one.size[1])
        for one, other in zip(true, predicted, strict=True)
    ]
    pixels = _Columns(*np.array(counted, dtype=np.int64).reshape(-1, 5).T)
    return {name: _scores(rules, pixels) for name, rules in PRESETS.items()}


class _Columns(NamedTuple):
    """Pixels of N pairs, each int64[N]: in both masks, in either, in the true, in the predicted, in the image."""

    shared: Whole
    either: Whole
    true: Whole
    predicted: Whole
    frame: Whole

    def where(self, wanted: NDArray[np.bool_]) -> _Columns:
        """Returns the pairs where bool[N] is true."""
        return _Columns(*(column[wanted] for column in self))


def _scores(rules: SegmentationRules, everything: _Columns) -> ConventionScores:
    left_out = {
        "no prediction": False,
        "empty truth": everything.true == 0,
        "empty prediction": everything.predicted == 0,
    }
    kept = np.ones(len(everything.true), dtype=np.bool_)
    for reason in rules.left_out:
        kept &= ~np.asarray(left_out[reason])
    pixels = everything.where(kept)
    ious = rules.scores(pixels.shared, pixels.either, pixels.frame)
    asked = ious[pixels.true > 0] if rules.targets_only else ious
    shared, either = pixels.shared.sum(), pixels.either.sum()
    if rules.background:
        shared, either = shared + (pixels.frame - pixels.either).sum(), either + (pixels.frame - pixels.shared).sum()
    return ConventionScores(
        mean_iou=_quotient(ious.sum(), len(ious), rules.count_epsilon),
        cumulative_iou=_quotient(shared, either, rules.total_epsilon),
        precision={
            threshold: _quotient(rules.reached(asked, threshold).sum(), len(asked), 0.0) for threshold in THRESHOLDS
        },
        count=len(ious),
    )


def _quotient(numerator: float, denominator: float, epsilon: float) -> float | None:
    return float(numerator) / (float(denominator) + epsilon) if denominator else None
