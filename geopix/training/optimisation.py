"""AdamW with a rate for each part, and the schedule of the learning rate."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from geopix.training.schema import Optimiser

ONLY = ""


def rate(step: int, steps: int, warmup_share: float, schedule: str = "cosine") -> float:
    """Returns the share of the learning rate at a step: up in a line, then down to zero along a curve.

    >>> [round(rate(step, 10, 0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    >>> [rate(step, 10, 0.2, "linear") for step in (1, 2, 6)], rate(9, 10, 0.2, "constant")
    ([1.0, 1.0, 0.5], 1.0)
    """
    warmup = max(1, round(warmup_share * steps))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    match schedule:
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        case "linear":
            return 1 - done
        case _:
            return 1.0


def build_optimiser(settings: Optimiser, parameters: Iterable[tuple[str, nn.Parameter]]) -> torch.optim.AdamW:
    """Returns AdamW over the parameters that learn; vectors (biases, norms, scales) are not decayed.

    Args:
        settings: learning rate, decay and so on.
        parameters: each parameter with the part it belongs to; `ONLY` where there are no parts.
    """
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for part, parameter in parameters:
        if parameter.requires_grad:
            groups.setdefault((part, parameter.ndim > 1), []).append(parameter)
    rates = {str(part): factor for part, factor in settings.rates.items()}
    return torch.optim.AdamW(
        [
            {
                "params": members,
                "weight_decay": settings.weight_decay if decayed else 0.0,
                "lr": settings.learning_rate * rates.get(part, 1.0),
            }
            for (part, decayed), members in groups.items()
        ],
        lr=settings.learning_rate,
        betas=settings.betas,
    )


def build_schedule(
    settings: Optimiser, optimiser: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Returns the schedule of an optimiser's learning rates over so many steps."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: rate(step, steps, settings.warmup_share, settings.schedule)
    )
