"""The optimiser and its schedule."""

import copy
from typing import Any

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


def muon(**changes: Any) -> Optimiser:
    return Optimiser(kind="muon", learning_rate=0.1, weight_decay=0.0, warmup_share=0.0, **changes)


def test_muon_moves_a_matrix_by_nearly_orthogonal_steps() -> None:
    matrix = Parameter(torch.zeros(8, 8))
    gradient = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    step(muon(), [("projector", matrix)], (matrix * gradient).sum())
    # Moonlight's rate: 0.2 times the root of the longer side, so that an entry moves about as AdamW's would.
    singular = torch.linalg.svdvals(matrix.detach()) / (0.1 * 0.2 * 8**0.5)
    assert 0.6 < singular.min().item() <= singular.max().item() < 1.3
    left, _, right = torch.linalg.svd(gradient)
    assert torch.nn.functional.cosine_similarity(-matrix.detach().flatten(), (left @ right).flatten(), dim=0) > 0.97


def test_muon_leaves_embeddings_and_vectors_to_adam() -> None:
    embedding, vector = Parameter(torch.zeros(2, 2)), Parameter(torch.zeros(3))
    step(muon(), [("embeddings", embedding), ("memory", vector)], 7 * embedding.sum() - vector.sum())
    torch.testing.assert_close(embedding.detach(), torch.full((2, 2), -0.1), atol=1e-5, rtol=0)
    torch.testing.assert_close(vector.detach(), torch.full((3,), 0.1), atol=1e-5, rtol=0)


def test_muon_goes_on_from_its_state_as_if_nothing_had_happened() -> None:
    def begin() -> tuple[list[Parameter], Any, Any]:
        parameters = [Parameter(torch.linspace(-1, 1, 12).reshape(3, 4)), Parameter(torch.ones(2))]
        optimiser = build_optimiser(muon(), [("projector", each) for each in parameters])
        return parameters, optimiser, build_schedule(muon(), optimiser, 6)

    def go(parameters: list[Parameter], optimiser: Any, schedule: Any, steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            sum((each**3).sum() for each in parameters).backward()  # type: ignore[union-attr]
            optimiser.step()
            schedule.step()

    whole, first, second = begin(), begin(), begin()
    go(*whole, 5)
    go(*first, 2)
    with torch.no_grad():
        for old, new in zip(first[0], second[0], strict=True):
            new.copy_(old)
    second[1].load_state_dict(copy.deepcopy(first[1].state_dict()))
    second[2].load_state_dict(first[2].state_dict())
    go(*second, 3)
    assert all(torch.equal(one, other) for one, other in zip(whole[0], second[0], strict=True))
    assert whole[1].param_groups[0]["lr"] == second[1].param_groups[0]["lr"]
