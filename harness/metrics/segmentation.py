"""Scores of masks: oIoU (also called cIoU), mIoU (also called gIoU) and P@X, in the conventions of published code.

All compare run-length encodings; no mask is drawn. A sample has one true mask and, after the parser, at most one
predicted mask. An answer without a mask is an empty mask; an answer that could not be read scores 0, even where the
true mask is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ConfigurationError
from harness.interfaces import MetricInfo
from harness.masks import area, overlap
from harness.metrics.additive import Additive, ratio
from harness.metrics.segmentation_rules import Preset, SegmentationRules, rules
from harness.records import Prediction, Target

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals


def _pixels(target: Target, prediction: Prediction) -> tuple[int, int] | None:
    """The pixels in both masks and in either; None where the sample has no true mask."""
    if not target.masks:
        return None
    truth = target.masks[0]
    return overlap(truth, prediction.masks[0]) if prediction.masks else (0, area(truth))


def _iou(found: SegmentationRules, target: Target, prediction: Prediction) -> float | None:
    pixels = _pixels(target, prediction)
    if pixels is None:
        return None
    return 0.0 if prediction.status == "unparsed" else found.iou(*pixels)


@dataclass(frozen=True)
class CumulativeIoU(Additive):
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
    """

    preset: Preset = "rmsin"

    @property
    def _rules(self) -> SegmentationRules:
        return rules(self.preset)

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        epsilon = f" + {self._rules.total_epsilon:g}" if self._rules.total_epsilon else ""
        formula = f"sum of |truth and prediction| / (sum of |truth or prediction|{epsilon})"
        return MetricInfo("percent", "higher", formula, self._rules.source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the pixels of both masks' `intersection` and `union`."""
        pixels = _pixels(target, prediction)
        return {"intersection": float(pixels[0]), "union": float(pixels[1])} if pixels else {}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the quotients of the sums; undefined where no mask has a pixel."""
        return ratio(totals["intersection"], totals["union"], self._rules.total_epsilon)


@dataclass(frozen=True)
class MeanIoU(Additive):
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
    """

    preset: Preset = "rmsin"

    @property
    def _rules(self) -> SegmentationRules:
        return rules(self.preset)

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        epsilon = f" + {self._rules.epsilon:g}" if self._rules.epsilon else ""
        samples = f"(samples + {self._rules.count_epsilon:g})" if self._rules.count_epsilon else "samples"
        formula = f"sum of IoU / {samples}, IoU = |truth and prediction| / (|truth or prediction|{epsilon}); "
        return MetricInfo("percent", "higher", formula + self._rules.empty_words, self._rules.source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the sample's `iou` and a `count` of 1."""
        iou = _iou(self._rules, target, prediction)
        return {} if iou is None else {"iou": iou, "count": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["iou"], totals["count"], self._rules.count_epsilon)


@dataclass(frozen=True)
class PrecisionAt(Additive):
    """The share of samples whose IoU reaches a threshold: P@X.

    >>> import numpy as np
    >>> metric = PrecisionAt(threshold=0.5)
    >>> metric.reduce({"hit": np.array([1.0, 0.0, 1.0, 1.0]), "count": np.ones(4)})
    0.75

    Attributes:
        threshold: the IoU that counts, above 0 and at most 1.
        preset: whose rules, see `harness.metrics.segmentation_rules`.

    Raises:
        ConfigurationError: the threshold is out of range.
    """

    threshold: float
    preset: Preset = "rmsin"

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigurationError(
                f"metric 'precision_at': `threshold` is an IoU above 0 and at most 1, found {self.threshold:g}. "
                "Write 0.5 for P@0.5."
            )

    @property
    def _rules(self) -> SegmentationRules:
        return rules(self.preset)

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = f"share of samples with IoU {self._rules.reaches} {self.threshold:g}; {self._rules.empty_words}"
        return MetricInfo("percent", "higher", formula, self._rules.source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns whether the sample's IoU is a `hit` (1 or 0) and a `count` of 1."""
        iou = _iou(self._rules, target, prediction)
        return {} if iou is None else {"hit": float(self._rules.hits(iou, self.threshold)), "count": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the shares."""
        return ratio(totals["hit"], totals["count"])
