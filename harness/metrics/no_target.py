"""Whether answers see that there is nothing to mark: N-acc and T-acc of generalised referring segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.interfaces import MetricInfo
from harness.masks import area
from harness.metrics.additive import Additive, ratio
from harness.records import Prediction, Target

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals

SOURCE = (
    "ReLA refer_evaluation.py (Liu et al., GRES, CVPR 2023; henghuiding/ReLA@3ca95519). ReLA predicts `no target` with "
    "a head of its own; here an answer says so in words, or by marking no pixel."
)


class _Right(Additive):
    """A share of right decisions; subclasses say which."""

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the shares."""
        return ratio(totals["correct"], totals["count"])


def _says_nothing_is_there(prediction: Prediction) -> bool:
    if prediction.no_target is not None:
        return prediction.no_target
    return not any(map(area, prediction.masks))


@dataclass(frozen=True)
class NoTargetAccuracy(_Right):
    """N-acc: of the samples without a target, the share whose answer says that there is none.

    >>> from harness.masks import empty
    >>> nothing = Target(masks=(empty((2, 2)),))
    >>> NoTargetAccuracy().score(nothing, Prediction("empty", "the answer has no mask"), {})
    {'correct': 1.0, 'count': 1.0}
    """

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = "answers that say there is no target / samples without a target"
        return MetricInfo("percent", "higher", formula, SOURCE)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns whether the answer is `correct` and a `count` of 1; nothing for a sample with a target."""
        if not target.masks or any(map(area, target.masks)):
            return {}
        right = prediction.status != "unparsed" and _says_nothing_is_there(prediction)
        return {"correct": float(right), "count": 1.0}


@dataclass(frozen=True)
class TargetAccuracy(_Right):
    """T-acc: of the samples with a target, the share whose answer does not say that there is none.

    >>> from harness.masks import from_runs
    >>> ship = from_runs((2, 2), [1, 1, 2])
    >>> TargetAccuracy().score(Target(masks=(ship,)), Prediction("empty", "the answer has no mask"), {})
    {'correct': 0.0, 'count': 1.0}
    """

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        return MetricInfo("percent", "higher", "answers that mark something / samples with a target", SOURCE)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns whether the answer is `correct` and a `count` of 1; nothing for a sample without a target."""
        if not any(map(area, target.masks)):
            return {}
        right = prediction.status != "unparsed" and not _says_nothing_is_there(prediction)
        return {"correct": float(right), "count": 1.0}
