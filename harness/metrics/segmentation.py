"""Scores of masks: oIoU (also called cIoU), mIoU (also called gIoU), Dice and P@X, as published code computes them.

All compare run-length encodings; no mask is drawn. An answer without a mask is an empty mask; an answer that could not
be read scores 0, even where the true mask is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ConfigurationError
from harness.interfaces import MetricInfo
from harness.masks import area
from harness.metrics.additive import Additive, ratio
from harness.metrics.pairs import pixel_pairs
from harness.metrics.segmentation_rules import Pairing, Pixels, Preset, SegmentationRules, rules
from harness.records import Prediction, Target

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals


class _OverPairs(Additive):
    """What the scores of masks share: the convention, and which masks are compared."""

    preset: Preset
    pairing: Pairing | None

    @property
    def _rules(self) -> SegmentationRules:
        return rules(self.preset)

    def _pairs(self, target: Target, prediction: Prediction) -> Sequence[Pixels]:
        """How the pairs of a sample's masks lie; none where the sample is not scored."""
        return pixel_pairs(target, prediction, self._rules, self.pairing) or ()

    def _ious(self, target: Target, prediction: Prediction) -> Sequence[float]:
        pairs = self._pairs(target, prediction)
        if _is_wrong(target, prediction):
            return [0.0] * len(pairs)
        return [self._rules.score(pair) for pair in pairs]

    def _info(self, formula: str) -> MetricInfo:
        pairing = self.pairing or self._rules.pairing
        paired = "" if pairing == "union" else f"masks paired by {pairing}"
        words = "; ".join(filter(None, [formula, self._rules.words, paired]))
        return MetricInfo("percent", "higher", words, self._rules.source)


def _is_wrong(target: Target, prediction: Prediction) -> bool:
    """Whether an answer is worth nothing whatever it marks: unreadable, or it claims a target where there is none."""
    return prediction.status == "unparsed" or (prediction.no_target is False and not any(map(area, target.masks)))


@dataclass(frozen=True)
class CumulativeIoU(_OverPairs):
    """The intersections of all samples over the unions of all samples: oIoU, which LISA's line of work calls cIoU.

    Large masks weigh more than small ones.

    >>> import numpy as np
    >>> from harness.masks import from_runs
    >>> truth, answer = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> metric = CumulativeIoU()
    >>> metric.score(Target(masks=(truth,)), Prediction("ok", masks=(answer,)), {})
    {'intersection': 2.0, 'union': 4.0}
    >>> metric.reduce({"intersection": np.array([2.0, 0.0]), "union": np.array([4.0, 1.0])})
    0.4

    Attributes:
        preset: whose rules, see `harness.metrics.segmentation_rules`.
        pairing: which masks are compared, see `harness.metrics.pairs`; the preset's own way by default.
    """

    preset: Preset = "rmsin"
    pairing: Pairing | None = None

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        epsilon = f" + {self._rules.total_epsilon:g}" if self._rules.total_epsilon else ""
        return self._info(f"sum of |truth and prediction| / (sum of |truth or prediction|{epsilon})")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the pixels of both masks' `intersection` and `union`."""
        counted = [self._rules.counted(pair) for pair in self._pairs(target, prediction)]
        if not counted:
            return {}
        # The background of an answer that cannot be read is no merit of it.
        shared = 0 if prediction.status == "unparsed" else sum(intersection for intersection, _ in counted)
        return {"intersection": float(shared), "union": float(sum(union for _, union in counted))}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the quotients of the sums; undefined where no mask has a pixel."""
        return ratio(totals["intersection"], totals["union"], self._rules.total_epsilon)


@dataclass(frozen=True)
class MeanIoU(_OverPairs):
    """The mean of the samples' IoU: mIoU of referring segmentation, which LISA's line of work calls gIoU.

    >>> import numpy as np
    >>> from harness.masks import from_runs
    >>> truth, answer = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> metric = MeanIoU()
    >>> metric.score(Target(masks=(truth,)), Prediction("ok", masks=(answer,)), {})
    {'iou': 0.5, 'count': 1.0}
    >>> metric.reduce({"iou": np.array([0.5, 0.0]), "count": np.array([1.0, 1.0])})
    0.25

    Attributes:
        preset: whose rules, see `harness.metrics.segmentation_rules`.
        pairing: which masks are compared, see `harness.metrics.pairs`; the preset's own way by default.
    """

    preset: Preset = "rmsin"
    pairing: Pairing | None = None

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        epsilon = f" + {self._rules.epsilon:g}" if self._rules.epsilon else ""
        whole = self._rules.pooled or (self.pairing or self._rules.pairing) in ("union", "first")
        pairs = "samples" if whole else "pairs of masks"
        count = f"({pairs} + {self._rules.count_epsilon:g})" if self._rules.count_epsilon else pairs
        formula = f"sum of IoU / {count}, IoU = |truth and prediction| / (|truth or prediction|{epsilon}); "
        return self._info(formula + self._rules.empty_words)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the `iou` and a `count` of 1, or the sums over the sample's pairs."""
        ious = self._ious(target, prediction)
        return {"iou": float(sum(ious)), "count": float(len(ious))} if ious else {}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["iou"], totals["count"], self._rules.count_epsilon)


@dataclass(frozen=True)
class MeanDice(_OverPairs):
    """The mean of the samples' Dice coefficient, 2 |truth and prediction| / (|truth| + |prediction|).

    >>> from harness.masks import from_runs
    >>> truth, answer = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> MeanDice().score(Target(masks=(truth,)), Prediction("ok", masks=(answer,)), {})
    {'dice': 0.6666666666666666, 'count': 1.0}

    Attributes:
        preset: whose rules, see `harness.metrics.segmentation_rules`; of them, the score of two empty masks, the pairs
            and what is left out.
        pairing: which masks are compared, see `harness.metrics.pairs`; the preset's own way by default.
    """

    preset: Preset = "falcon"
    pairing: Pairing | None = None

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = "mean of 2 |truth and prediction| / (|truth| + |prediction|); "
        return self._info(formula + self._rules.empty_words)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the `dice` and a `count` of 1, or the sums over the sample's pairs."""
        pairs = self._pairs(target, prediction)
        if not pairs:
            return {}
        wrong = _is_wrong(target, prediction)
        return {"dice": 0.0 if wrong else sum(map(self._dice, pairs)), "count": float(len(pairs))}

    def _dice(self, pair: Pixels) -> float:
        both = pair.union + pair.intersection
        return 2 * pair.intersection / both if both else self._rules.empty

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["dice"], totals["count"])


@dataclass(frozen=True)
class PrecisionAt(_OverPairs):
    """The share of samples whose IoU reaches a threshold: P@X.

    >>> import numpy as np
    >>> metric = PrecisionAt(threshold=0.5)
    >>> metric.reduce({"hit": np.array([1.0, 0.0, 1.0, 1.0]), "count": np.ones(4)})
    0.75

    Attributes:
        threshold: the IoU that counts, above 0 and at most 1.
        preset: whose rules, see `harness.metrics.segmentation_rules`.
        pairing: which masks are compared, see `harness.metrics.pairs`; the preset's own way by default.

    Raises:
        ConfigurationError: the threshold is out of range.
    """

    threshold: float
    preset: Preset = "rmsin"
    pairing: Pairing | None = None

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigurationError(
                f"metric 'precision_at': `threshold` is an IoU above 0 and at most 1, found {self.threshold:g}. "
                "Write 0.5 for P@0.5."
            )

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        whose = "samples with a target" if self._rules.targets_only else "samples"
        empty = "" if self._rules.targets_only else f"; {self._rules.empty_words}"
        return self._info(f"share of {whose} with IoU {self._rules.reaches} {self.threshold:g}{empty}")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns whether the IoU is a `hit` (1 or 0) and a `count` of 1, or the sums over the sample's pairs."""
        if self._rules.targets_only and not any(map(area, target.masks)):
            return {}
        ious = self._ious(target, prediction)
        hits = sum(self._rules.hits(iou, self.threshold) for iou in ious)
        return {"hit": float(hits), "count": float(len(ious))} if ious else {}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the shares."""
        return ratio(totals["hit"], totals["count"])
