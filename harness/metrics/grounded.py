"""Scores of the masks in a grounded caption: AP50, mIoU and recall, as GLaMM's script computes them.

GeoPixel reports these three for RS-GCG without publishing a script; its line of work takes GLaMM's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.deferred import Deferred
from harness.errors import ConfigurationError
from harness.interfaces import MetricInfo
from harness.masks import iou_matrix
from harness.metrics.additive import Additive, ratio
from harness.records import Mask, Prediction, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.interfaces import Columns
    from harness.metrics.additive import Floats, Totals
else:
    np = Deferred("numpy")

SOURCE = "GLaMM eval/gcg/evaluate.py (mbzuai-oryx/groundingLMM@e74865f)"
MOST_MASKS = 100


def _predicted(prediction: Prediction) -> Sequence[Mask]:
    return () if prediction.status == "unparsed" else prediction.masks


def _checked_threshold(metric: str, threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise ConfigurationError(
            f"metric {metric!r}: `threshold` is an IoU above 0 and at most 1, found {threshold:g}. Write 0.5 for 50 %."
        )


def greedy_ious(predicted: Sequence[Mask], true: Sequence[Mask]) -> Iterator[float]:
    """Yields the IoU of one-to-one pairs, the best pair first, as long as pairs share a pixel.

    >>> from harness.masks import from_runs
    >>> ship, quay = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> list(greedy_ious([quay], [ship, quay]))
    [1.0]
    """
    ious = iou_matrix(predicted, true)
    while ious.size and (best := float(ious.max())) > 0:
        yield best
        row, column = np.unravel_index(ious.argmax(), ious.shape)
        ious = np.delete(np.delete(ious, row, axis=0), column, axis=1)


def coco_matches(predicted: Sequence[Mask], true: Sequence[Mask], threshold: float) -> list[bool]:
    """Returns for each predicted mask whether COCO's evaluation pairs it with a true one.

    Each takes, in turn, the free true mask that it covers best; the later one of two equally good.

    >>> from harness.masks import from_runs
    >>> ship, quay = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> coco_matches([quay, quay], [ship, quay], 0.9)
    [True, False]
    """
    ious, free, found = iou_matrix(predicted, true), set(range(len(true))), []
    for row in ious:
        iou, best = max(((float(row[column]), column) for column in free), default=(0.0, -1))
        fits = iou >= min(threshold, 1 - 1e-10)
        free -= {best} if fits else set()
        found.append(fits)
    return found


@dataclass(frozen=True)
class MaskAp:
    """The average precision of masks at one IoU threshold: COCO's AP50 with a single class and equal confidences.

    Language models give masks no confidence. GLaMM's script gives all of them 1.0, so that COCO's evaluation takes them
    in the order of images and answers; so does this, in the data set's order. At most 100 masks an image count.

    >>> import numpy as np
    >>> columns = {"match/000": np.array([1.0, 0.0]), "predicted": np.ones(2), "targets": np.ones(2)}
    >>> round(MaskAp().reduce(columns), 4)
    0.505

    Attributes:
        threshold: the IoU at which a predicted mask finds a true one.

    Raises:
        ConfigurationError: the threshold is out of range.
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        _checked_threshold("mask_ap", self.threshold)

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = (
            f"mean of the greatest precision at recalls 0, 0.01, .. 1; a mask is found at IoU >= {self.threshold:g}; "
            "equal confidences, in the data set's order"
        )
        return MetricInfo("percent", "higher", formula, f"{SOURCE}, through pycocotools' COCOeval")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the numbers of `predicted` masks and `targets`, and for each predicted one whether it has a match."""
        matches = coco_matches(_predicted(prediction)[:MOST_MASKS], target.masks, self.threshold)
        counts = {"predicted": float(len(matches)), "targets": float(len(target.masks))}
        return counts | {f"match/{number:03d}": float(match) for number, match in enumerate(matches)}

    def reduce(self, columns: Columns) -> float | None:
        """Returns the average precision, or None where there is no target."""
        if not columns or not columns["targets"].any():
            return None
        flags = self._in_order(columns)
        found = np.cumsum(flags)
        precision = found / np.arange(1, len(found) + 1)
        # The best precision at this recall or any greater one.
        best = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(found / columns["targets"].sum(), np.linspace(0, 1, 101), side="left")
        return float(np.append(best, 0.0)[at].mean())

    def _in_order(self, columns: Columns) -> NDArray[np.float64]:
        names = sorted(name for name in columns if name.startswith("match/"))
        if not names:
            return np.zeros(0)
        matches = np.stack([columns[name] for name in names], axis=1)
        return matches[np.arange(len(names)) < columns["predicted"][:, None]]


@dataclass(frozen=True)
class GroundedMeanIoU(Additive):
    """The mean over images of the mean IoU of their pairs of masks; pairs are one-to-one, the best first.

    Masks without a partner weigh nothing, so an answer that marks one of ten objects well scores well: read it beside
    the recall. An image without any pair scores 0.

    >>> from harness.masks import from_runs
    >>> ship, quay = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> GroundedMeanIoU().score(Target(masks=(ship, quay)), Prediction("ok", masks=(quay,)), {})
    {'iou': 1.0, 'count': 1.0}
    """

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = (
            "mean over images of the mean IoU of one-to-one pairs, the best first; masks without a pair are left out"
        )
        return MetricInfo("percent", "higher", formula, f"{SOURCE}, compute_miou")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the image's `iou` and a `count` of 1."""
        if not target.masks:
            return {}
        ious = list(greedy_ious(_predicted(prediction), target.masks))
        return {"iou": sum(ious) / len(ious) if ious else 0.0, "count": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["iou"], totals["count"])


@dataclass(frozen=True)
class MaskRecall(Additive):
    """The share of true masks that a predicted one finds; pairs are one-to-one, the best first.

    GLaMM's script also asks that the phrases of a pair be alike (cosine of BERT embeddings above 0.5). This does not,
    so it is at least as high as that recall.

    >>> from harness.masks import from_runs
    >>> ship, quay = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> MaskRecall().score(Target(masks=(ship, quay)), Prediction("ok", masks=(quay,)), {})
    {'found': 1.0, 'targets': 2.0}

    Attributes:
        threshold: the IoU at which a mask is found.

    Raises:
        ConfigurationError: the threshold is out of range.
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        _checked_threshold("mask_recall", self.threshold)

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = (
            f"true masks with a one-to-one partner of IoU >= {self.threshold:g} / true masks; "
            "whether the phrases are alike is not asked"
        )
        return MetricInfo("percent", "higher", formula, f"{SOURCE}, find_best_matches, without its BERT condition")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns the number of masks `found` and of `targets`."""
        if not target.masks:
            return {}
        found = sum(iou >= self.threshold for iou in greedy_ious(_predicted(prediction), target.masks))
        return {"found": float(found), "targets": float(len(target.masks))}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the shares."""
        return ratio(totals["found"], totals["targets"])
