"""A tiny random model that fits the released layout, and that layout written from it."""

from pathlib import Path

import pytest
import torch
from transformers import CLIPVisionConfig, LlamaConfig, PreTrainedTokenizerFast

from geopix.configuration import GeoPixConfig
from geopix.conversion.convert import Conversion, convert, convert_back
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor


def release_sized(**changes: object) -> GeoPixConfig:
    """Some 600,000 weights, most of them words, since the released code fixes the numbers of its tokens."""
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=10,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=16,
    )
    text = LlamaConfig(
        vocab_size=32008,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=32001,
        rope_theta=5000.0,
    )
    fields: dict[str, object] = {
        "memory_attention": "released_noop",
        "neck_hidden_size": 8,
        "mask_hidden_size": 16,
        "mask_decoder_mlp_size": 24,
        "num_mask_tokens": 3,
        "iou_head_hidden_size": 12,
        "memory_num_classes": 5,
        "memory_length": 4,
        "memory_dim": 8,
        "memory_size": 2,
        "memory_mlp_size": 20,
        "bce_loss_weight": 3.0,
    }
    return GeoPixConfig(vision_config=vision, text_config=text, **(fields | changes))


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory, words: PreTrainedTokenizerFast) -> Path:
    """Our checkpoint, as training would leave it: without what only the released layout has."""
    folder = tmp_path_factory.mktemp("ours")
    torch.manual_seed(0)
    model = GeoPixForConditionalGeneration(release_sized())
    for name, value in model.state_dict().items():
        if "running" in name or "fusion" in name:
            value.copy_(torch.rand(value.shape))
    model.save_pretrained(folder)
    images = GeoPixImageProcessor(size=32, channel_order="bgr", fit="crop")
    GeoPixProcessor(images, words, num_image_tokens=16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def words() -> PreTrainedTokenizerFast:
    """A tokenizer with the released numbers of its special tokens."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    specials = {0: "<unk>", 1: "<s>", 2: "</s>", 32000: "<image>", 32001: "<pad>"}
    specials |= {32002 + index: f"[SEG{index}]" for index in range(6)}
    vocabulary = {token: number for number, token in specials.items()}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials.values()])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


@pytest.fixture(scope="session")
def written(ours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released layout of `ours`; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("released")
    convert_back(ours, folder)
    return folder


@pytest.fixture(scope="session")
def converted(written: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Conversion]:
    """Ours again, and what was said of it."""
    folder = tmp_path_factory.mktemp("converted")
    return folder, convert(written, folder)
