"""The training losses of GeoPix's base PixelLM (arXiv:2312.02228, MaverickRen/PixelLM model/PixelLM.py).

All are computed in float32. Letters in shapes: M targets, h and w a mask's sides.
"""

from torch import Tensor
from torch.nn import functional

_PER_MASK = 1e-8
_DICE_SCALE = 1000
_DICE_SMOOTH = 1e-6


def language_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over the supervised tokens; 0 when there are none.

    Args:
        logits: float[N, vocabulary].
        labels: int64[N]; -100 is not supervised.
        weights: float[N], what each token counts in the mean; all the same when None.

    >>> import torch
    >>> language_loss(torch.tensor([[0.0, 0.0], [9.0, 1.0]]), torch.tensor([1, -100])).item()  # log 2
    0.6931471824645996
    """
    losses = functional.cross_entropy(logits.float(), labels, ignore_index=-100, reduction="none")
    counted = (labels != -100).float() if weights is None else weights * (labels != -100)
    return (losses * counted).sum() / counted.sum().clamp(min=_PER_MASK)


def mask_bce_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, averaged over a mask's pixels and then over the masks.

    `sum_m mean_pixels BCE / (M + 1e-8)`, so no masks give 0.

    Args:
        logits: float[M, h, w].
        targets: float[M, h, w] in 0..1.

    >>> import torch
    >>> mask_bce_loss(torch.zeros(2, 1, 2), torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])).item()  # log 2
    0.6931471824645996
    """
    pixels = functional.binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction="none")
    return pixels.flatten(1).mean(dim=1).sum() / (len(logits) + _PER_MASK)


def mask_dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """One minus the soft Dice coefficient, averaged over the masks.

    With p the sigmoid, a mask's loss is `1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s)`, every sum divided by
    1000 and s = 1e-6, as in PixelLM. No masks give 0; an empty target predicted empty gives 0.

    Args:
        logits: float[M, h, w].
        targets: float[M, h, w] in 0..1.

    >>> import torch
    >>> loss = mask_dice_loss(torch.zeros(1, 1, 2), torch.tensor([[[1.0, 0.0]]]))  # 1 - 2 * 0.5 / (1 + 1)
    >>> round(loss.item(), 3)
    0.5
    """
    chances, truth = logits.float().sigmoid().flatten(1), targets.float().flatten(1)
    overlap = 2 * (chances / _DICE_SCALE * truth).sum(dim=1)
    areas = (chances / _DICE_SCALE).sum(dim=1) + (truth / _DICE_SCALE).sum(dim=1)
    losses = 1 - (overlap + _DICE_SMOOTH) / (areas + _DICE_SMOOTH)
    return losses.sum() / (len(logits) + _PER_MASK)
