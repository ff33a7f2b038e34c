"""Rounded rotary frequencies: what they change, and that they survive saving and loading."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from geopix.configuration import GeoPixConfig
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.sizes import tiny
from harness.errors import ConfigurationError

IDS = torch.tensor([[1] + [3] * 16 + [20, 21, 22]])


def logits(model: GeoPixForConditionalGeneration) -> Tensor:
    picture = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return model(IDS, picture).logits


def build(dtype: str | None) -> GeoPixForConditionalGeneration:
    torch.manual_seed(0)
    model = GeoPixForConditionalGeneration(tiny(rotary_dtype=dtype)).eval()
    with torch.no_grad():
        for parameter in model.language_model.parameters():
            parameter.mul_(4)
    return model


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_rounded_model_answers_as_one_cast_there_and_back(dtype: str) -> None:
    exact, rounded = build(None), build(dtype)
    rotary = exact.language_model.get_decoder().rotary_emb
    rotary.inv_freq = rotary.inv_freq.to(getattr(torch, dtype)).float()
    assert torch.equal(logits(rounded), logits(exact))
    assert not torch.equal(logits(rounded), logits(build(None)))


def test_it_survives_saving_and_loading(tmp_path: Path) -> None:
    model = build("float16")
    model.save_pretrained(tmp_path)
    assert GeoPixConfig.from_pretrained(tmp_path).rotary_dtype == "float16"
    assert torch.equal(logits(GeoPixForConditionalGeneration.from_pretrained(tmp_path).eval()), logits(model))


def test_a_rounded_model_can_be_trained_after_it_was_asked() -> None:
    model = build("bfloat16")
    logits(model)
    model.train()
    model(IDS, torch.zeros(1, 3, 32, 32), labels=IDS).loss.backward()
    assert model.get_input_embeddings().weight.grad is not None


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="rotary_dtype must be float16, bfloat16 or null"):
        tiny(rotary_dtype="int8")
