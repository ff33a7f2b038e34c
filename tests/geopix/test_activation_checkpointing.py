"""Activations that are computed again in the backward pass give the gradients that kept ones give."""

import pytest
import torch
from torch import Tensor

from geopix.modeling import GeoPixForConditionalGeneration
from geopix.sizes import tiny

IDS = torch.tensor([[1] + [3] * 16 + [10, 20, 21, 4, 5, 6, 7, 8, 9, 2]])


def gradients(model: GeoPixForConditionalGeneration) -> dict[str, Tensor]:
    model.zero_grad()
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    model(IDS, pixels, labels=IDS.masked_fill(IDS == 3, -100), target_masks=torch.ones(1, 16, 16)).loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.fixture
def model() -> GeoPixForConditionalGeneration:
    torch.manual_seed(0)
    model = GeoPixForConditionalGeneration(tiny()).train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.eval()  # its stored means move with each pass
    return model


def runs_of(model: GeoPixForConditionalGeneration, part: str) -> list[int]:
    counted: list[int] = []
    model.get_submodule(part).register_forward_pre_hook(lambda *_: counted.append(1))
    return counted


LAYERS = ["vision_tower.clip.encoder.layers.1", "language_model.model.layers.1"]


def test_gradients_are_the_same_and_both_towers_compute_again(model: GeoPixForConditionalGeneration) -> None:
    kept, runs = gradients(model), [runs_of(model, f"{layer}.mlp") for layer in LAYERS]
    model.activation_checkpointing_enable()
    assert model.is_activation_checkpointing
    again = gradients(model)
    assert [len(counted) for counted in runs] == [2, 2]
    assert again.keys() == kept.keys()
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, atol=1e-6, rtol=1e-5)
    assert max(gradient.abs().max() for gradient in kept.values()) > 1e-3


def test_the_older_name_does_it_too_and_it_can_be_undone(model: GeoPixForConditionalGeneration) -> None:
    with pytest.warns(FutureWarning, match="activation_checkpointing_enable"):
        model.gradient_checkpointing_enable()
    assert all(model.get_submodule(layer).gradient_checkpointing for layer in LAYERS)
    model.activation_checkpointing_disable()
    assert not any(model.get_submodule(layer).gradient_checkpointing for layer in LAYERS)
