"""The class memory: who reads which entry, that it matters when intended and cannot when as released."""

import pytest
import torch
from torch import Tensor

from geopix.class_memory import (
    ClassMemory,
    ClassSelector,
    GivenClass,
    IntendedAttention,
    PredictedClass,
    UnknownClass,
    build_memory,
)
from geopix.mask_head import MaskHead
from geopix.sizes import PAPER_BANK, released_7b, tiny
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


def head() -> MaskHead:
    torch.manual_seed(0)
    return MaskHead(tiny()).eval()


def mask_logits(head: MaskHead, selector: ClassSelector) -> Tensor:
    """Masks of three targets, two of them in the second image: float[3, 16, 16]."""
    chance = torch.Generator().manual_seed(2)
    vision = tuple(torch.randn(2, 16, 4, 4, generator=chance) for _ in range(2))
    states = torch.randn(3, 6, 16, generator=chance)
    return head(vision, states, torch.tensor([0, 1, 1]), selector).mask_logits


@pytest.mark.parametrize("level", [0, 1])
def test_masks_change_with_the_entries_they_read_and_with_no_other(level: int) -> None:
    model = head()
    selector = GivenClass(torch.tensor([0, 2, 2]))
    with torch.no_grad():
        base = mask_logits(model, selector)
        model.memory.bank.memory[2, level] += torch.randn(4, 8, 2, 2, generator=torch.Generator().manual_seed(3))
        changed = mask_logits(model, selector)
    assert torch.equal(changed[0], base[0])
    for target in (1, 2):
        assert (changed[target] - base[target]).abs().max() > 1e-3 * base.std()


def test_gradient_of_the_masks_reaches_the_entries_they_read_and_no_other() -> None:
    model = head()
    mask_logits(model, GivenClass(torch.tensor([0, 2, 2]))).square().sum().backward()
    reached = model.memory.bank.memory.grad.abs().amax(dim=(2, 3, 4, 5)) > 0  # [class, level]
    assert reached.tolist() == [[True, True], [False, False], [True, True], [False, False]]


def test_gradient_of_a_soft_choice_reaches_every_entry_and_the_choice_itself() -> None:
    model = head().train()
    mask_logits(model, PredictedClass()).square().sum().backward()
    assert (model.memory.bank.memory.grad.abs().amax(dim=(2, 3, 4, 5)) > 0).all()
    assert model.memory.classifier.weight.grad.abs().max() > 0


def test_each_place_reads_the_whole_memory_map_in_its_own_way() -> None:
    torch.manual_seed(0)
    attention = IntendedAttention(tiny())
    features, learnt, present = torch.randn(1, 16, 4, 4), torch.randn(1, 8, 2, 2), torch.randn(1, 8, 4, 4)
    learnt.requires_grad_()
    out = attention(features, [learnt, present])
    reads = [
        torch.autograd.grad(out[0, :, y, x].square().sum(), learnt, retain_graph=True)[0] for y, x in ((0, 0), (3, 3))
    ]
    for read in reads:
        assert (read.abs().amax(dim=1) > 0).all()
    assert not torch.allclose(*reads)


def test_the_default_bank_is_small_and_the_paper_s_is_a_configuration() -> None:
    def bank(**changes: int) -> Tensor:
        with torch.device("meta"):
            memory = build_memory(released_7b(**changes))
        assert isinstance(memory, ClassMemory)
        return memory.bank.memory

    assert bank().numel() == 76 * 2 * 16 * 64 * 8 * 8 <= 40_000_000
    assert bank(**PAPER_BANK).shape == (75, 2, 64, 64, 32, 32)
    assert bank(**PAPER_BANK).numel() == 629_145_600
