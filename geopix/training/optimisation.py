"""AdamW with linear warm-up and cosine decay, one step at a time."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from geopix.training.ranks import Ranks
from geopix.training.schema import Optimiser


def rate(step: int, steps: int, warmup_share: float) -> float:
    """Returns the share of the learning rate at a step: up in a line, down to zero along a cosine.

    >>> [round(rate(step, 10, 0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    warmup = max(1, round(warmup_share * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


class Stepper:
    """Takes optimiser steps from gradients that all processes share.

    Vectors (biases, norms, scales) are not decayed.

    Args:
        settings: learning rate, decay and so on.
        parameters: what is trained.
        steps: how many steps the schedule spans.
        ranks: this process among those that train together.
    """

    def __init__(self, settings: Optimiser, parameters: Iterable[Tensor], steps: int, ranks: Ranks) -> None:
        self._settings = settings
        self._ranks = ranks
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        groups = [
            {"params": [p for p in self._parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in self._parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda step: rate(step, steps, settings.warmup_share)
        )

    def step(self, loss: Tensor) -> None:
        """Changes the weights by one step against the loss's gradient."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._ranks.average_gradients(self._parameters)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.clip)
        self._optimiser.step()
        self._schedule.step()
