"""The optimiser and its schedule."""

import torch
from torch import Tensor
from torch.nn import Parameter

from geopix.training.optimisation import ONLY, build_optimiser, build_schedule
from geopix.training.schema import Optimiser


def step(settings: Optimiser, parameters: list[tuple[str, Parameter]], loss: Tensor, steps: int = 1) -> None:
    optimiser = build_optimiser(settings, parameters)
    build_schedule(settings, optimiser, steps)
    loss.backward()
    optimiser.step()


def test_the_first_step_of_adam_moves_each_weight_by_the_warm_learning_rate() -> None:
    weight = Parameter(torch.zeros(3))
    settings = Optimiser(learning_rate=0.1, weight_decay=0.0, warmup_share=0.5)
    step(settings, [(ONLY, weight)], (weight * torch.tensor([3.0, -2.0, 0.5])).sum(), steps=4)
    # Two steps of warm-up: the first has half the rate; Adam divides the gradient by its own size.
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.05, 0.05, -0.05]), atol=1e-6, rtol=0)


def test_vectors_are_not_decayed_and_matrices_are() -> None:
    vector, matrix = Parameter(torch.ones(2)), Parameter(torch.ones(2, 2))
    settings = Optimiser(learning_rate=0.1, weight_decay=0.5, warmup_share=0.0)
    step(settings, [(ONLY, vector), (ONLY, matrix)], (vector.sum() + matrix.sum()) * 0)
    assert vector.tolist() == [1.0, 1.0]
    torch.testing.assert_close(matrix.detach(), torch.full((2, 2), 0.95))


def test_frozen_weights_stay() -> None:
    frozen, free = Parameter(torch.ones(1), requires_grad=False), Parameter(torch.ones(1))
    step(Optimiser(), [(ONLY, frozen), (ONLY, free)], free.sum() * frozen.sum())
    assert frozen.item() == 1.0
    assert free.item() != 1.0


def test_a_part_can_have_a_rate_of_its_own() -> None:
    slow, usual = Parameter(torch.zeros(1)), Parameter(torch.zeros(1))
    settings = Optimiser(learning_rate=0.1, weight_decay=0.0, warmup_share=0.0, rates={"projector": 0.1})
    step(settings, [("projector", slow), ("memory", usual)], slow.sum() + usual.sum())
    torch.testing.assert_close(torch.cat([slow, usual]).detach(), torch.tensor([-0.01, -0.1]), atol=1e-6, rtol=0)
