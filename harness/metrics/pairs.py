"""Which predicted mask answers which true one, and how the two lie to each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING

from harness.deferred import Deferred
from harness.masks import area, iou_matrix, overlap, union
from harness.metrics.segmentation_rules import Pairing, Pixels, SegmentationRules
from harness.records import Mask, Prediction, Target

if TYPE_CHECKING:
    from scipy import optimize
else:
    optimize = Deferred("scipy.optimize")

Pair = tuple[Mask | None, Mask | None]


def pixel_pairs(
    target: Target, prediction: Prediction, rules: SegmentationRules, pairing: Pairing | None = None
) -> tuple[Pixels, ...] | None:
    """Returns how each pair of a sample's masks lies; None where the sample is not scored.

    A true mask that no predicted one answers, or a predicted one that answers none, is paired with an empty mask. An
    answer that says there is no target is an empty mask, whatever it draws; where there is none, its pair is empty.

    Args:
        target: the true masks, one an object.
        prediction: the predicted masks. Where it could not be read, all of it is wrong.
        rules: the convention.
        pairing: `union` compares all true pixels with all predicted ones; `first` the true pixels with the first
            predicted mask; `position` the masks in their order, more predicted than true ones being ignored (LISA);
            `matching` pairs them for the greatest sum of IoU (Kuhn's Hungarian method), and what is left on either
            side counts (PixelLM). The convention's own where None.
    """
    if not target.masks or _left_out(target, prediction, rules):
        return None
    if prediction.status == "unparsed":
        predicted: Sequence[Mask] = ()
    else:
        predicted = prediction.masks
    pairs = _pairs(target.masks, predicted, pairing or rules.pairing)
    found = tuple(_pixels(true, guess) for true, guess in pairs)
    if prediction.no_target:
        found = _declined(found, target)
    return (_pooled(found),) if rules.pooled else found


def _left_out(target: Target, prediction: Prediction, rules: SegmentationRules) -> bool:
    if not rules.left_out or prediction.status == "unparsed":
        return False
    empty_truth = not any(map(area, target.masks))
    empty_prediction = not any(map(area, prediction.masks))
    reasons = {
        "no prediction": not prediction.masks,
        "empty truth": empty_truth,
        "empty prediction": empty_prediction,
    }
    return any(reasons[reason] for reason in rules.left_out)


def _pairs(true: Sequence[Mask], predicted: Sequence[Mask], pairing: Pairing) -> Sequence[Pair]:
    if pairing == "union":
        return [(_united(tuple(true)), _united(tuple(predicted)) if predicted else None)]
    if pairing == "first":
        return [(_united(tuple(true)), predicted[0] if predicted else None)]
    if pairing == "position":
        return list(zip_longest(true, predicted[: len(true)]))
    return _matched(true, predicted)


# The metrics of a task ask for the same unions one after the other.
@lru_cache(maxsize=64)
def _united(masks: tuple[Mask, ...]) -> Mask:
    return union(masks)


def _matched(true: Sequence[Mask], predicted: Sequence[Mask]) -> Sequence[Pair]:
    rows, columns = optimize.linear_sum_assignment(iou_matrix(true, predicted), maximize=True)
    pairs: list[Pair] = [(true[row], predicted[column]) for row, column in zip(rows, columns, strict=True)]
    pairs += [(mask, None) for index, mask in enumerate(true) if index not in set(rows)]
    return pairs + [(None, mask) for index, mask in enumerate(predicted) if index not in set(columns)]


def _pixels(true: Mask | None, predicted: Mask | None) -> Pixels:
    known = true or predicted
    assert known is not None  # noqa: S101 - a pair has at least one mask
    frame = known.size[0] * known.size[1]
    if true is None or predicted is None:
        return Pixels(0, area(known), frame)
    return Pixels(*overlap(true, predicted), frame)


def _pooled(pairs: tuple[Pixels, ...]) -> Pixels:
    return Pixels(
        sum(pair.intersection for pair in pairs), sum(pair.union for pair in pairs), sum(pair.frame for pair in pairs)
    )


def _declined(pairs: tuple[Pixels, ...], target: Target) -> tuple[Pixels, ...]:
    """The pairs of an answer that says there is no target, as ReLA counts them."""
    if any(map(area, target.masks)):
        return tuple(Pixels(0, pair.union, pair.frame) for pair in pairs)
    return tuple(Pixels(0, 0, pair.frame) for pair in pairs)
