"""The class memory: who reads which entry, that it matters when intended and cannot when as released."""

import pytest
import torch
from torch import Tensor

from geopix.class_memory import GivenClass, PredictedClass, UnknownClass, build_memory
from geopix.sizes import tiny
from harness.errors import ConfigurationError


def answer(name: str, *, bank_seed: int = 0, mask_seed: int = 0, number: int = 0) -> Tensor:
    torch.manual_seed(0)
    memory = build_memory(tiny(memory_attention=name)).train()  # batches normalised as in training
    features = torch.randn(2, 16, 4, 4)
    draft = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(mask_seed))
    torch.manual_seed(bank_seed)
    if name == "intended":
        memory.bank.reset_parameters()
    with torch.no_grad():
        logits = memory.classify(torch.randn(2, 2, 16, generator=torch.Generator().manual_seed(5)))
        return memory(features, draft, GivenClass(torch.tensor(number))(logits), 1)


def test_the_intended_memory_depends_on_bank_class_and_mask() -> None:
    base = answer("intended")
    assert base.shape == (2, 16, 4, 4)
    for other in (answer("intended", bank_seed=7), answer("intended", number=2), answer("intended", mask_seed=9)):
        assert (other - base).abs().max() > 0.01


def test_the_released_memory_depends_on_nothing() -> None:
    base = answer("released_noop")
    for other in (answer("released_noop", number=2), answer("released_noop", mask_seed=9)):
        assert torch.equal(other, base)


def test_the_released_memory_holds_no_bank() -> None:
    names = set(build_memory(tiny(memory_attention="released_noop")).state_dict())
    assert names == {"attention.layers.0.scale", "attention.norm.weight", "attention.norm.bias"}


def test_the_released_memory_scales_and_normalises() -> None:
    torch.manual_seed(0)
    memory = build_memory(tiny(memory_attention="released_noop")).eval()
    features = torch.randn(1, 16, 4, 4)
    expected = torch.nn.functional.layer_norm(2.421 * features.movedim(1, -1), (16,)).movedim(-1, 1)
    weights = torch.full((1, 4), 0.25)
    torch.testing.assert_close(memory(features, torch.zeros(1, 1, 16, 16), weights, 0), expected)


def test_without_memory_features_pass_unchanged() -> None:
    memory = build_memory(tiny(memory_attention="none"))
    features = torch.randn(2, 16, 4, 4)
    logits = memory.classify(torch.randn(2, 2, 16))
    assert memory(features, torch.zeros(2, 1, 16, 16), logits.softmax(-1), 0) is features
    assert torch.equal(logits, torch.zeros(2, 4))


def test_an_unknown_memory_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown memory 'intend'. Did you mean 'intended'\? Known: "):
        build_memory(tiny(memory_attention="intend"))


def test_selectors_weigh_the_classes() -> None:
    logits = torch.tensor([[0.0, 0.0, 1.0, 0.0], [3.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(PredictedClass()(logits), logits.softmax(dim=-1))
    assert GivenClass(torch.tensor(2))(logits).tolist() == [[0, 0, 1, 0], [0, 0, 1, 0]]
    assert GivenClass(torch.tensor([1, 0]))(logits).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert UnknownClass()(logits).tolist() == [[0, 0, 0, 1], [0, 0, 0, 1]]


def test_a_soft_mixture_reads_every_entry_in_proportion() -> None:
    torch.manual_seed(0)
    bank = build_memory(tiny()).bank
    weights = torch.tensor([[0.5, 0.0, 0.25, 0.25]])
    expected = 0.5 * bank.memory[0, 1] + 0.25 * bank.memory[2, 1] + 0.25 * bank.memory[3, 1]
    torch.testing.assert_close(bank(weights, 1)[0], expected)
