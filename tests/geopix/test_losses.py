"""The loss formulas against numbers worked out by hand."""

import math

import pytest
import torch

from geopix.losses import language_loss, mask_bce_loss, mask_dice_loss


def logit(chance: float) -> float:
    return math.log(chance / (1 - chance))


def test_bce_is_the_mean_over_pixels_then_masks() -> None:
    logits = torch.tensor([[[logit(0.8), logit(0.4)]], [[logit(0.5), logit(0.1)]]])
    targets = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    first = -(math.log(0.8) + math.log(0.6)) / 2
    second = -(math.log(0.5) + math.log(0.9)) / 2
    assert mask_bce_loss(logits, targets).item() == pytest.approx((first + second) / 2, rel=1e-6)


def test_a_token_counts_as_much_as_its_weight_says() -> None:
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [5.0, 0.0]])
    labels = torch.tensor([0, 0, -100])
    weighted = (0.5 * math.log(2) + 1.0 * math.log(4 / 3)) / 1.5
    assert language_loss(logits, labels, torch.tensor([0.5, 1.0, 9.0])).item() == pytest.approx(weighted, rel=1e-6)


def test_dice_counts_soft_areas() -> None:
    logits = torch.tensor([[[logit(0.8), logit(0.4)]], [[logit(0.5), logit(0.1)]]])
    targets = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])
    first = 1 - (2 * 0.8 / 1000 + 1e-6) / (1.2 / 1000 + 1 / 1000 + 1e-6)
    second = 1 - (2 * 0.6 / 1000 + 1e-6) / (0.6 / 1000 + 2 / 1000 + 1e-6)
    assert mask_dice_loss(logits, targets).item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_an_empty_target_predicted_empty_costs_nothing() -> None:
    assert mask_dice_loss(torch.full((1, 2, 2), -60.0), torch.zeros(1, 2, 2)).item() == pytest.approx(0, abs=1e-6)


def test_no_masks_cost_nothing_and_stay_differentiable() -> None:
    logits = torch.zeros(0, 4, 4, requires_grad=True)
    loss = mask_bce_loss(logits, torch.zeros(0, 4, 4)) + mask_dice_loss(logits, torch.zeros(0, 4, 4))
    loss.backward()
    assert loss.item() == 0


def test_language_loss_averages_over_supervised_tokens_only() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2
    assert language_loss(logits, torch.tensor([0, 0, -100])).item() == pytest.approx(expected, rel=1e-6)
    assert language_loss(logits, torch.full((3,), -100)).item() == 0


def test_losses_are_computed_in_float32() -> None:
    logits, targets = torch.zeros(1, 2, 2, dtype=torch.bfloat16), torch.ones(1, 2, 2, dtype=torch.bfloat16)
    for loss in (mask_bce_loss(logits, targets), mask_dice_loss(logits, targets)):
        assert loss.dtype == torch.float32
