"""The conventions in which published segmentation scores differ, each under the name of the code that has them."""

from dataclasses import dataclass
from typing import Literal

from harness.errors import ConfigurationError, nearest

Preset = Literal["rmsin", "lisa", "segearth_r1", "strict"]


@dataclass(frozen=True)
class SegmentationRules:
    """How masks are scored. I and U are the pixels in both masks and in either.

    Attributes:
        empty: the score of a sample whose two masks are both empty.
        epsilon: added to a sample's union before I is divided by it.
        reaches: whether an IoU equal to the threshold counts for P@X: `>=`, or only one above it: `>`.
        count_epsilon: added to the number of samples before the sum of their scores is divided by it.
        total_epsilon: added to the sum of the unions before the sum of the intersections is divided by it.
        source: whose convention it is.
    """

    empty: float
    epsilon: float
    reaches: Literal[">=", ">"]
    count_epsilon: float
    total_epsilon: float
    source: str

    def iou(self, intersection: int, union: int) -> float:
        """Returns one sample's score.

        >>> rules("rmsin").iou(1, 2), rules("rmsin").iou(0, 0), rules("lisa").iou(0, 0)
        (0.5, 0.0, 1.0)
        """
        return intersection / (union + self.epsilon) if union else self.empty

    def hits(self, iou: float, threshold: float) -> bool:
        """Returns whether a score reaches a threshold.

        >>> rules("rmsin").hits(0.5, 0.5), rules("segearth_r1").hits(0.5, 0.5)
        (True, False)
        """
        return iou >= threshold if self.reaches == ">=" else iou > threshold

    @property
    def empty_words(self) -> str:
        """What the rules say of two empty masks."""
        return f"both masks empty: {self.empty:g}"


PRESETS: dict[Preset, SegmentationRules] = {
    "rmsin": SegmentationRules(
        empty=0.0,
        epsilon=0.0,
        reaches=">=",
        count_epsilon=0.0,
        total_epsilon=0.0,
        source="RMSIN test.py (Lsan2401/RMSIN@b4a9b27c; LAVT's rules, the standard of RRSIS-D): plain I / U, "
        "two empty masks score 0, a threshold is reached by >=. RMSIN scores at 480 x 480, this at the image's size.",
    ),
    "lisa": SegmentationRules(
        empty=1.0,
        epsilon=1e-5,
        reaches=">=",
        count_epsilon=1e-5,
        total_epsilon=1e-10,
        source="LISA train_ds.py validate (dvlab-research/LISA@3cb2d430), PixelLM and PixDLM: gIoU and cIoU with their "
        "epsilons, two empty masks score 1. It defines no P@X: >= here is RMSIN's.",
    ),
    "segearth_r1": SegmentationRules(
        empty=1.0,
        epsilon=1e-5,
        reaches=">",
        count_epsilon=0.0,
        total_epsilon=1e-10,
        source="SegEarth-R1 eval.py compute_metric (earth-insights/SegEarth-R1@e796b3bb): two empty masks score 1, a "
        "threshold is reached by > only. It scores at 1024 x 1024 with padding, this at the image's size.",
    ),
    "strict": SegmentationRules(
        empty=0.0,
        epsilon=1e-5,
        reaches=">",
        count_epsilon=0.0,
        total_epsilon=1e-10,
        source="a third party's strict evaluator of reasoning segmentation: SegEarth-R1's epsilons and >, two empty "
        "masks score 0, and a missing prediction is an empty mask.",
    ),
}


def rules(preset: str) -> SegmentationRules:
    """Returns the rules of a preset.

    Raises:
        ConfigurationError: there is no such preset; the nearest is suggested.
    """
    for name, found in PRESETS.items():
        if name == preset:
            return found
    known = ", ".join(PRESETS)
    raise ConfigurationError(f"unknown segmentation preset {preset!r}.{nearest(preset, PRESETS)} Known: {known}.")
