"""Tiny pretrained models in transformers' own layouts, with random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)

VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 24,
    "patch_size": 8,
    "projection_dim": 16,
}
TEXT = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """What fits the tiny tower into GeoPix: fields of GeoPixConfig."""
    return {
        "mask_feature_layers": [-1, -2],
        "vision_feature_layer": -1,
        "neck_hidden_size": 8,
        "mask_hidden_size": 16,
        "mask_feature_size": 4,
        "mask_decoder_heads": 2,
        "mask_decoder_mlp_size": 16,
        "iou_head_hidden_size": 8,
        "memory_num_classes": 3,
        "memory_length": 4,
        "memory_dim": 8,
        "memory_size": 2,
        "memory_heads": 2,
        "memory_mlp_size": 16,
    }


def write_tokenizer(folder: Path) -> int:
    """Writes a byte-level tokenizer as language models have it, without `<image>`; returns its length."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Is there a ship? yes no"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)
    return len(fast)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(1)
    CLIPVisionModel(CLIPVisionConfig(**VISION)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "size": {"shortest_edge": 24}}'
    )
    return folder


@pytest.fixture(scope="session")
def make_llama(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def make(**changes: Any) -> Path:
        folder = tmp_path_factory.mktemp("llama")
        length = write_tokenizer(folder)
        torch.manual_seed(2)
        LlamaForCausalLM(LlamaConfig(**{"vocab_size": length, **TEXT, **changes})).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llava")
    length = write_tokenizer(folder)
    torch.manual_seed(3)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=LlamaConfig(vocab_size=length + 5, **TEXT),
        image_token_index=length,
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    return folder
