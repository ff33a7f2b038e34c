"""The conventions in which published segmentation scores differ, each under the name of the code that has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.deferred import Deferred
from harness.errors import ConfigurationError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Floats = NDArray[np.float64]
else:
    np = Deferred("numpy")

Preset = Literal["rmsin", "lgce", "lisa", "pixellm", "pixdlm", "segearth_r1", "earthmind", "rela", "falcon", "strict"]
Pairing = Literal["union", "first", "position", "matching"]
LeftOut = Literal["no prediction", "empty truth", "empty prediction"]


@dataclass(frozen=True, slots=True)
class Pixels:
    """How a predicted and a true mask lie to each other.

    Attributes:
        intersection: pixels in both.
        union: pixels in either.
        frame: pixels of the image.
    """

    intersection: int
    union: int
    frame: int

    @property
    def background(self) -> Pixels:
        """The same for what the masks leave over.

        >>> Pixels(intersection=2, union=5, frame=9).background
        Pixels(intersection=4, union=7, frame=9)
        """
        return Pixels(self.frame - self.union, self.frame - self.intersection, self.frame)


@dataclass(frozen=True)
class SegmentationRules:
    """How masks are scored. I and U are the pixels in both masks and in either.

    Attributes:
        source: whose convention it is.
        empty: the IoU of two empty masks.
        epsilon: added to a pair's union before I is divided by it.
        reaches: whether an IoU equal to the threshold counts for P@X: `>=`, or only one above it: `>`.
        count_epsilon: added to the number of pairs before the sum of their scores is divided by it.
        total_epsilon: added to the sum of the unions before the sum of the intersections is divided by it.
        background: whether the background is a second class: IoU is then the mean over both, I and U their sums.
        pairing: which predicted mask answers which true one, see `harness.metrics.pairs`.
        pooled: whether the pairs of one sample count as one, by the sums of their I and U.
        left_out: samples that are not scored at all.
        targets_only: whether P@X is taken over samples with a target alone.
    """

    source: str
    empty: float = 0.0
    epsilon: float = 0.0
    reaches: Literal[">=", ">"] = ">="
    count_epsilon: float = 0.0
    total_epsilon: float = 0.0
    background: bool = False
    pairing: Pairing = "union"
    pooled: bool = False
    left_out: tuple[LeftOut, ...] = ()
    targets_only: bool = False

    def iou(self, intersection: int, union: int) -> float:
        """Returns one class's IoU.

        >>> rules("rmsin").iou(1, 2), rules("rmsin").iou(0, 0), rules("lisa").iou(0, 0)
        (0.5, 0.0, 1.0)
        """
        return intersection / (union + self.epsilon) if union else self.empty

    def score(self, pixels: Pixels) -> float:
        """Returns a pair's IoU, the mean over foreground and background where both are classes.

        >>> rules("rmsin").score(Pixels(1, 2, 10)), round(rules("earthmind").score(Pixels(1, 2, 10)), 6)
        (0.5, 0.694444)
        """
        own = self.iou(pixels.intersection, pixels.union)
        if not self.background:
            return own
        rest = pixels.background
        return (own + self.iou(rest.intersection, rest.union)) / 2

    def counted(self, pixels: Pixels) -> tuple[int, int]:
        """Returns a pair's I and U as they enter the sums of `cumulative_iou`.

        >>> rules("rmsin").counted(Pixels(1, 2, 10)), rules("earthmind").counted(Pixels(1, 2, 10))
        ((1, 2), (9, 11))
        """
        if not self.background:
            return pixels.intersection, pixels.union
        rest = pixels.background
        return pixels.intersection + rest.intersection, pixels.union + rest.union

    def hits(self, iou: float, threshold: float) -> bool:
        """Returns whether a score reaches a threshold.

        >>> rules("rmsin").hits(0.5, 0.5), rules("segearth_r1").hits(0.5, 0.5)
        (True, False)
        """
        return iou >= threshold if self.reaches == ">=" else iou > threshold

    def reached(self, ious: Floats, threshold: float) -> NDArray[np.bool_]:
        """Returns whether each of N scores reaches a threshold, bool[N]: `hits` for columns."""
        return ious >= threshold if self.reaches == ">=" else ious > threshold

    def scores(self, intersections: Whole, unions: Whole, frames: Whole) -> Floats:
        """Returns the IoU of N pairs at once, float64[N]: `score` for columns.

        >>> import numpy as np
        >>> rules("lisa").scores(np.array([1, 0]), np.array([4, 0]), np.array([10, 10])).round(5)
        array([0.25, 1.  ])
        """
        own = self._ious(intersections, unions)
        return (own + self._ious(frames - unions, frames - intersections)) / 2 if self.background else own

    def _ious(self, intersections: Whole, unions: Whole) -> Floats:
        found = np.full(len(unions), self.empty)
        np.divide(intersections, unions + self.epsilon, out=found, where=unions > 0)
        return found

    @property
    def empty_words(self) -> str:
        """What the rules say of two empty masks."""
        return f"both masks empty: {self.empty:g}"

    @property
    def words(self) -> str:
        """What else a reader of a score must know: classes, pairs, and what is left out."""
        parts = ["mean over foreground and background"] if self.background else []
        parts += ["the pairs of a sample pooled"] if self.pooled else []
        parts += [f"left out: {', '.join(self.left_out)}"] if self.left_out else []
        return "; ".join(parts)


PRESETS: Mapping[str, SegmentationRules] = {
    "rmsin": SegmentationRules(
        source="RMSIN test.py (Lsan2401/RMSIN@b4a9b27c; LAVT's rules, the standard of RRSIS-D): plain I / U, "
        "two empty masks score 0, a threshold is reached by >=. RMSIN scores at 480 x 480, this at the image's size.",
    ),
    "lgce": SegmentationRules(
        source="LGCE train.py (zhu-xlab/rrsis@d6d5ace, RefSegRS): IoU is 0 where I or U is 0, >= for thresholds, hence "
        "RMSIN's numbers. The line it prints as overall IoU is 1 point lower than what it returns; this is the latter.",
    ),
    "lisa": SegmentationRules(
        empty=1.0,
        epsilon=1e-5,
        count_epsilon=1e-5,
        total_epsilon=1e-10,
        pairing="position",
        source="LISA train_ds.py validate (dvlab-research/LISA@3cb2d430), PixelLM and PixDLM: gIoU and cIoU with their "
        "epsilons, two empty masks score 1, masks are paired by position. It defines no P@X: >= here is RMSIN's.",
    ),
    "pixellm": SegmentationRules(
        empty=1.0,
        epsilon=1e-5,
        count_epsilon=1e-5,
        total_epsilon=1e-10,
        pairing="matching",
        source="PixelLM train_ds.py ar_validate (MaverickRen/PixelLM@ebf0792): LISA's rules over matched masks, the "
        "mean over max(predicted, true) masks. It matches on a random sample of mask logits, this on the IoU.",
    ),
    "pixdlm": SegmentationRules(
        epsilon=1e-10,
        total_epsilon=1e-10,
        reaches=">",
        background=True,
        pairing="position",
        pooled=True,
        source="PixDLM eval.py (XIEFOX/PixDLM@43ab5973), its mIoU of an image and 'correct' above 25 %: the mean of "
        "the background's and the foreground's IoU. Its gIoU and cIoU are LISA's.",
    ),
    "segearth_r1": SegmentationRules(
        empty=1.0,
        epsilon=1e-5,
        reaches=">",
        total_epsilon=1e-10,
        pairing="first",
        source="SegEarth-R1 eval.py compute_metric (earth-insights/SegEarth-R1@e796b3bb): two empty masks score 1, a "
        "threshold is reached by > only, the first mask alone counts. It scores at 1024 x 1024 with padding, this at "
        "the image's size.",
    ),
    "earthmind": SegmentationRules(
        epsilon=1e-10,
        total_epsilon=1e-10,
        background=True,
        pairing="first",
        left_out=("no prediction",),
        source="EarthMind RES.py evaluate (shuyansy/EarthMind@e6dcbbf): oIoU and mIoU over background and foreground, "
        "answers without a mask left out. Both are much higher than the foreground's. It defines no P@X.",
    ),
    "rela": SegmentationRules(
        empty=1.0,
        targets_only=True,
        source="ReLA refer_evaluation.py (henghuiding/ReLA@3ca95519), the metric of gRefCOCO: IoU 1 where an answer "
        "rightly says that there is no target, 0 where it wrongly marks one; P@X over samples with a target.",
    ),
    "falcon": SegmentationRules(
        empty=1.0,
        left_out=("empty truth", "empty prediction"),
        source="Falcon eval/src/segmentation (TianHuiLab/Falcon@d905f788): two empty masks score 1, yet samples with "
        "an empty true or predicted mask are left out. It defines no P@X.",
    ),
    "strict": SegmentationRules(
        epsilon=1e-5,
        reaches=">",
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
    if preset in PRESETS:
        return PRESETS[preset]
    known = ", ".join(PRESETS)
    raise ConfigurationError(f"unknown segmentation preset {preset!r}.{nearest(preset, PRESETS)} Known: {known}.")
