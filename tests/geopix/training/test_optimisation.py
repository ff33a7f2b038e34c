"""One optimiser step."""

import torch

from geopix.training.optimisation import Stepper
from geopix.training.ranks import Ranks
from geopix.training.schema import Optimiser


def test_the_first_step_of_adam_moves_each_weight_by_the_warm_learning_rate() -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    settings = Optimiser(learning_rate=0.1, weight_decay=0.0, warmup_share=0.5, clip=1e9)
    Stepper(settings, [weight], 4, Ranks()).step((weight * torch.tensor([3.0, -2.0, 0.5])).sum())
    # Two steps of warm-up: the first has half the rate; Adam divides the gradient by its own size.
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.05, 0.05, -0.05]), atol=1e-6, rtol=0)


def test_vectors_are_not_decayed_and_matrices_are() -> None:
    vector, matrix = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2, 2))
    settings = Optimiser(learning_rate=0.1, weight_decay=0.5, warmup_share=0.0)
    Stepper(settings, [vector, matrix], 1, Ranks()).step((vector.sum() + matrix.sum()) * 0)
    assert vector.tolist() == [1.0, 1.0]
    torch.testing.assert_close(matrix.detach(), torch.full((2, 2), 0.95))


def test_frozen_weights_stay() -> None:
    frozen, free = torch.nn.Parameter(torch.ones(1), requires_grad=False), torch.nn.Parameter(torch.ones(1))
    Stepper(Optimiser(), [frozen, free], 1, Ranks()).step(free.sum() * frozen.sum())
    assert frozen.item() == 1.0
    assert free.item() != 1.0
