"""The configuration: round trips and the contradictions it refuses."""

from pathlib import Path

import pytest
from transformers import AutoConfig, CLIPVisionConfig, LlamaConfig, Qwen2Config

import geopix.modeling  # noqa: F401  (registers the configuration)
from geopix.configuration import GeoPixConfig
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.sizes import released_7b, tiny
from harness.errors import ConfigurationError


def test_it_survives_json(tmp_path: Path) -> None:
    config = tiny(memory_class_names=("ship", "plane"), dice_loss_weight=0.7)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(loaded, GeoPixConfig)
    assert isinstance(loaded.vision_config, CLIPVisionConfig)
    assert isinstance(loaded.text_config, LlamaConfig)
    assert loaded.to_dict() | {"_name_or_path": ""} == config.to_dict()
    assert loaded.memory_class_names == ("ship", "plane")
    assert loaded.memory_num_classes == loaded.unknown_class == 2


def test_defaults_are_the_release() -> None:
    config = released_7b()
    assert config.num_image_tokens == 1024
    assert config.run_token_ids == (32002, 32003, 32004, 32005, 32006, 32007)
    assert config.num_levels == 2
    assert config.text_config.hidden_size == 4096
    assert (config.vision_config.hidden_size, config.vision_config.patch_size) == (1024, 14)


def test_another_language_model_family_can_be_named() -> None:
    text = {
        "model_type": "qwen2", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 64,
    }  # fmt: skip
    config = tiny()
    config = GeoPixConfig(**{**config.to_dict(), "text_config": text})
    assert isinstance(config.text_config, Qwen2Config)
    assert "Qwen2" in type(GeoPixForConditionalGeneration(config).language_model).__name__


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seg_token_ids": ((4, 5), (7, 8, 9))}, "the same number of tokens for each level"),
        ({"seg_token_ids": ((3, 5, 6), (7, 8, 9))}, "differ from each other and from image_token_id"),
        ({"mask_feature_layers": (-1, -2, -3, -1)}, "the same number of tokens for each level of mask_feature_layers"),
        ({"seg_token_ids": ()}, "the same number of tokens for each level of mask_feature_layers"),
        ({"mask_feature_layers": ()}, "the same number of tokens for each level of mask_feature_layers"),
        ({"mask_hidden_size": 20}, r"a multiple of 8 and of 2 \* mask_decoder_heads"),
        ({"memory_heads": 3}, "a multiple of memory_heads"),
        ({"memory_dim": 6}, "memory_dim must be a multiple of 4"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        tiny(**changes)


@pytest.mark.parametrize(
    ("layers", "grouped"),
    [((-1,), ((4, 5, 6, 7, 8, 9),)), ((-1, -2), ((4, 5, 6), (7, 8, 9))), ((-1, -2, -3), ((4, 5), (6, 7), (8, 9)))],
)
def test_the_tokens_of_a_mask_are_shared_out_among_its_levels(
    layers: tuple[int, ...], grouped: tuple[tuple[int, ...], ...]
) -> None:
    config = tiny(mask_feature_layers=layers)
    assert (config.num_levels, config.seg_token_ids) == (len(layers), grouped)
    assert config.run_token_ids == (4, 5, 6, 7, 8, 9)


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"mask_hidden_size .*; memory_dim "):
        tiny(mask_hidden_size=20, memory_dim=6, memory_heads=2)
