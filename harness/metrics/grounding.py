"""Scores of boxes: Acc@X, mean and cumulative IoU, and whether the middle is hit, in the conventions of published code.

A sample has one true box or several. Predicted boxes are paired with the true ones, each with one, so that the sum of
the pairs' IoU is greatest; a box without a partner has IoU 0. An answer without a box, or one that could not be read,
scores 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import TYPE_CHECKING, ClassVar

from harness.boxes import area, overlap
from harness.deferred import Deferred
from harness.errors import ConfigurationError
from harness.interfaces import MetricInfo
from harness.metrics.additive import Additive, ratio
from harness.metrics.grounding_rules import BoxPreset, GroundingRules, rules
from harness.records import Box, Prediction, Target

if TYPE_CHECKING:
    from scipy import optimize

    from harness.metrics.additive import Floats, Totals
else:
    optimize = Deferred("scipy.optimize")


@dataclass(frozen=True)
class Pairing:
    """How the boxes of one answer meet the true ones.

    Attributes:
        ious: one IoU a box, true or predicted, whichever are more; 0 for a box without a partner.
        intersection: the areas that pairs share.
        union: the areas of the pairs' unions, and those of boxes without a partner.
    """

    ious: tuple[float, ...]
    intersection: float
    union: float


# Every metric of a task asks for the same pairs.
@lru_cache(maxsize=64)
def pair(found: GroundingRules, true: tuple[Box, ...], predicted: tuple[Box, ...]) -> Pairing:
    """Returns the pairing with the greatest sum of IoU.

    >>> pair(rules("remotesam"), ((0, 0, 2, 2), (4, 0, 6, 2)), ((4, 0, 6, 2),))
    Pairing(ious=(1.0, 0.0), intersection=4, union=8)
    """
    if found.cell:
        true, predicted = _whole(true), _whole(predicted)
    shared = [[overlap(one, other, found.cell) for other in predicted] for one in true]
    ious = [[found.iou(*areas) for areas in row] for row in shared]
    pairs = _partners(ious)
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    lonely = [box for row, box in enumerate(true) if row not in rows]
    lonely += [box for column, box in enumerate(predicted) if column not in columns]
    return Pairing(
        ious=(*(ious[row][column] for row, column in pairs), *(0.0 for _ in lonely)),
        intersection=sum(shared[row][column][0] for row, column in pairs),
        union=sum((shared[row][column][1] for row, column in pairs), sum(area(box, found.cell) for box in lonely)),
    )


def _whole(boxes: Sequence[Box]) -> tuple[Box, ...]:
    return tuple((round(x0), round(y0), round(x1), round(y1)) for x0, y0, x1, y1 in boxes)


def _partners(ious: list[list[float]]) -> list[tuple[int, int]]:
    if not ious or not ious[0]:
        return []
    if len(ious) == len(ious[0]) == 1:
        return [(0, 0)]
    rows, columns = optimize.linear_sum_assignment(ious, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _pairing(preset: BoxPreset, target: Target, prediction: Prediction) -> Pairing | None:
    """How an answer's boxes meet the true ones; None where there is no true box."""
    return pair(rules(preset), target.boxes, prediction.boxes) if target.boxes else None


@dataclass(frozen=True)
class _Share(Additive):
    """A mean over samples, or the mean of the means of a tag's values."""

    statistic: ClassVar[str]

    def _statistics(self, value: float, average: str | None, tags: Mapping[str, str]) -> dict[str, float]:
        if average is None:
            return {self.statistic: value, "count": 1.0}
        if average not in tags:
            return {}
        return {f"{self.statistic}/{tags[average]}": value, f"count/{tags[average]}": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means; a value of the averaged tag without a sample leaves the mean of means undefined."""
        values = [name.removeprefix("count") for name in totals if name.partition("/")[0] == "count"]
        means = (ratio(totals[f"{self.statistic}{value}"], totals[f"count{value}"]) for value in values)
        return reduce(add, means) / len(values)


def _over(average: str | None, what: str) -> str:
    return f"mean over the values of {average!r} of the {what}" if average else what


@dataclass(frozen=True)
class BoxAccuracy(_Share):
    """The share of samples whose box reaches an IoU: Acc@X, also written Pr@X.

    Where a sample has several true boxes, all of them must be reached and no other box may be predicted.

    >>> import numpy as np
    >>> metric = BoxAccuracy(threshold=0.5)
    >>> metric.score(Target(boxes=((0, 0, 4, 2),)), Prediction("ok", boxes=((0, 0, 2, 2),)), {})
    {'hit': 1.0, 'count': 1.0}
    >>> metric.reduce({"hit": np.array([1.0, 0.0, 1.0, 1.0]), "count": np.ones(4)})
    0.75

    DVGBench's average gives each scenario the same weight, (1/1 + 1/3) / 2 here:

    >>> by_scenario = BoxAccuracy(threshold=0.5, average="scenario")
    >>> hits = {"hit/sport": np.array([1.0]), "hit/traffic": np.array([1.0])}
    >>> round(by_scenario.reduce(hits | {"count/sport": np.array([1.0]), "count/traffic": np.array([3.0])}), 4)
    0.6667

    Attributes:
        threshold: the IoU that counts, above 0 and at most 1.
        preset: whose rules, see `harness.metrics.grounding_rules`.
        average: None for the share over all samples; a tag's name for the unweighted mean of its values' shares.

    Raises:
        ConfigurationError: the threshold is out of range.
    """

    threshold: float
    preset: BoxPreset = "remotesam"
    average: str | None = None
    statistic: ClassVar[str] = "hit"

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigurationError(
                f"metric 'box_accuracy': `threshold` is an IoU above 0 and at most 1, found {self.threshold:g}. "
                "Write 0.5 for Acc@0.5."
            )

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        found = rules(self.preset)
        share = _over(self.average, f"share of samples with IoU {found.reaches} {self.threshold:g}")
        return MetricInfo("percent", "higher", f"{share}; {found.words}", found.source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns whether all boxes are a `hit` (1 or 0) and a `count` of 1, under the averaged tag's value."""
        pairing = _pairing(self.preset, target, prediction)
        if pairing is None:
            return {}
        hit = all(rules(self.preset).hits(iou, self.threshold) for iou in pairing.ious)
        return self._statistics(float(hit), self.average, tags)


@dataclass(frozen=True)
class BoxMeanIoU(_Share):
    """The mean of the samples' IoU; of several boxes, the mean over the true or the predicted, whichever are more.

    >>> import numpy as np
    >>> metric = BoxMeanIoU()
    >>> metric.score(Target(boxes=((0, 0, 4, 2),)), Prediction("ok", boxes=((0, 0, 1, 2),)), {})
    {'iou': 0.25, 'count': 1.0}
    >>> metric.reduce({"iou": np.array([0.25, 0.75]), "count": np.ones(2)})
    0.5

    Attributes:
        preset: whose rules, see `harness.metrics.grounding_rules`.
        average: None for the mean over all samples; a tag's name for the unweighted mean of its values' means.
    """

    preset: BoxPreset = "remotesam"
    average: str | None = None
    statistic: ClassVar[str] = "iou"

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        found = rules(self.preset)
        return MetricInfo("percent", "higher", f"{_over(self.average, 'mean of IoU')}; {found.words}", found.source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the sample's `iou` and a `count` of 1, under the averaged tag's value."""
        pairing = _pairing(self.preset, target, prediction)
        if pairing is None:
            return {}
        return self._statistics(sum(pairing.ious) / len(pairing.ious), self.average, tags)


@dataclass(frozen=True)
class BoxCumulativeIoU(Additive):
    """The shared areas of all samples over the united areas of all samples: cumIoU; large boxes weigh more.

    >>> import numpy as np
    >>> metric = BoxCumulativeIoU()
    >>> metric.score(Target(boxes=((0, 0, 4, 2),)), Prediction("ok", boxes=((0, 0, 1, 2),)), {})
    {'intersection': 2.0, 'union': 8.0}
    >>> metric.reduce({"intersection": np.array([2.0, 0.0]), "union": np.array([8.0, 2.0])})
    0.2

    Attributes:
        preset: whose rules, see `harness.metrics.grounding_rules`.
    """

    preset: BoxPreset = "remotesam"

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        found = rules(self.preset)
        return MetricInfo("percent", "higher", f"sum of I / sum of U over all samples; {found.words}", found.source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the areas of the boxes' `intersection` and `union`, in the squared unit of the task's frame."""
        pairing = _pairing(self.preset, target, prediction)
        if pairing is None:
            return {}
        epsilon = rules(self.preset).epsilon * len(pairing.ious)
        return {"intersection": float(pairing.intersection), "union": float(pairing.union + epsilon)}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the quotients of the sums; undefined where no box has an area."""
        return ratio(totals["intersection"], totals["union"])


@dataclass(frozen=True)
class BoxCentre(_Share):
    """The share of samples whose first box has its middle in the first true box, its sides included.

    >>> metric = BoxCentre()
    >>> metric.score(Target(boxes=((0, 0, 4, 2),)), Prediction("ok", boxes=((3, 1, 5, 3),)), {})
    {'hit': 1.0, 'count': 1.0}
    """

    statistic: ClassVar[str] = "hit"

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = "share of samples whose box has its middle in the true box"
        return MetricInfo("percent", "higher", formula, "lmms-eval refcoco/utils_rec.py centre accuracy @75571cfe.")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns whether the middle is a `hit` (1 or 0) and a `count` of 1."""
        if not target.boxes:
            return {}
        return self._statistics(float(_centred(target.boxes[0], prediction.boxes[:1])), None, tags)


def _centred(true: Box, predicted: Sequence[Box]) -> bool:
    if not predicted:
        return False
    x0, y0, x1, y1 = predicted[0]
    return true[0] <= (x0 + x1) / 2 <= true[2] and true[1] <= (y0 + y1) / 2 <= true[3]
