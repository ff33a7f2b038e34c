"""The optimisers, with a rate for each part, and the schedule of the learning rate."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from geopix.training.schema import Optimiser

ONLY = ""
Group = dict[str, Any]


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


class MuonWithAdamW(Optimizer):
    """Muon for the matrices within the model, AdamW for all else, as one optimiser.

    Muon (Jordan et al. 2024; with the rates of Moonlight, arXiv:2502.16982, so that AdamW's fit) makes each step of a
    matrix nearly orthogonal. It is made for hidden layers: embeddings, heads, filters and vectors stay with AdamW.

    Args:
        matrices: groups of two-dimensional parameters.
        others: groups of all other parameters.
        betas: AdamW's.
    """

    def __init__(self, matrices: list[Group], others: list[Group], betas: tuple[float, float]) -> None:
        self._inner: list[Optimizer] = []
        if matrices:
            self._inner.append(Muon(matrices, adjust_lr_fn="match_rms_adamw"))
        if others:
            self._inner.append(AdamW(others, betas=betas))
        super().__init__([group for optimiser in self._inner for group in optimiser.param_groups], {})

    def _show_groups(self) -> None:
        """Shows the inner optimisers' own groups, so that a rate that is set here is theirs."""
        self.param_groups = [group for optimiser in self._inner for group in optimiser.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Takes a step of both."""
        loss = None if closure is None else closure()
        for optimiser in self._inner:
            optimiser.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of both, in their order."""
        return {"inner": [optimiser.state_dict() for optimiser in self._inner]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads what `state_dict` returned."""
        for optimiser, state in zip(self._inner, state_dict["inner"], strict=True):
            optimiser.load_state_dict(state)
        self._show_groups()


def goes_to_muon(settings: Optimiser, part: str, parameter: nn.Parameter) -> bool:
    """Whether Muon moves a parameter of a part; AdamW moves what it does not."""
    return settings.kind == "muon" and parameter.ndim == 2 and part != "embeddings"


def states_of(settings: Optimiser, part: str, parameter: nn.Parameter) -> int:
    """How many numbers the optimiser keeps for each weight: Muon a momentum, AdamW a mean and a variance."""
    return 1 if goes_to_muon(settings, part, parameter) else 2


def build_optimiser(settings: Optimiser, parameters: Iterable[tuple[str, nn.Parameter]]) -> Optimizer:
    """Returns the optimiser of the parameters that learn; vectors (biases, norms, scales) are not decayed.

    Args:
        settings: kind, learning rate, decay and so on.
        parameters: each parameter with the part it belongs to; `ONLY` where there are no parts.
    """
    groups: dict[tuple[str, bool, bool], Group] = {}
    for part, parameter in parameters:
        if not parameter.requires_grad:
            continue
        orthogonal = goes_to_muon(settings, part, parameter)
        factor = {str(name): factor for name, factor in settings.rates.items()}.get(part, 1.0)
        group = {
            "params": [],
            "weight_decay": settings.weight_decay if parameter.ndim > 1 else 0.0,
            "lr": settings.learning_rate * factor,
        }
        groups.setdefault((part, parameter.ndim > 1, orthogonal), group)["params"].append(parameter)
    if settings.kind == "adamw":
        return AdamW(list(groups.values()), lr=settings.learning_rate, betas=settings.betas)
    matrices = [group for (_, _, orthogonal), group in groups.items() if orthogonal]
    others = [group for (_, _, orthogonal), group in groups.items() if not orthogonal]
    return MuonWithAdamW(matrices, others, settings.betas)


def build_schedule(settings: Optimiser, optimiser: Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Returns the schedule of an optimiser's learning rates over so many steps."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: rate(step, steps, settings.warmup_share, settings.schedule)
    )
