"""Ready-made sizes of GeoPix: the mini that ships, a tiny one for tests, and the released 7B."""

from typing import Any

from transformers import CLIPVisionConfig, LlamaConfig

from geopix.configuration import GeoPixConfig

#: The class memory's bank in the paper's extent, 75 x 2 x 64 x 64 x 32 x 32, for `released_7b(**PAPER_BANK)`. Its last
#: entry, which the release always reads, is the unknown class.
PAPER_BANK = {"memory_num_classes": 74, "memory_length": 64, "memory_dim": 64, "memory_size": 32}


def mini(
    vocab_size: int, *, image_token_id: int, seg_token_ids: tuple[tuple[int, ...], ...], **changes: Any
) -> GeoPixConfig:
    """A model of under 4 million weights: 256 px images in 256 tokens, masks of 64 x 64.

    Args:
        vocab_size: the tokenizer's length, its added tokens included.
        image_token_id: the id of `<image>`.
        seg_token_ids: the ids of `[SEG0]` to `[SEG5]`.
        **changes: any field of `GeoPixConfig` to set otherwise (`pad_token_id`, `bos_token_id` and
            `eos_token_id` go to the language model).
    """
    special = {key: changes.pop(key, None) for key in ("pad_token_id", "bos_token_id", "eos_token_id")}
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=4,
        image_size=256,
        patch_size=16,
        projection_dim=192,
    )
    text = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=192,
        intermediate_size=352,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        initializer_range=0.06,  # near 1 / sqrt(width), as for a wide model's 0.02: small ones learn faster from it
        **special,
    )
    fields: dict[str, Any] = {
        "mask_feature_layers": (-1, -3),
        "vision_feature_layer": -1,
        "projector": "normalised",
        "neck_hidden_size": 40,
        "mask_hidden_size": 64,
        "mask_feature_size": 16,
        "mask_decoder_heads": 4,
        "mask_decoder_mlp_size": 128,
        "num_mask_tokens": 1,
        "iou_head_hidden_size": 16,
        "memory_num_classes": 24,
        "memory_length": 4,
        "memory_dim": 24,
        "memory_size": 4,
        "memory_mlp_size": 128,
    }
    return GeoPixConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=image_token_id,
        seg_token_ids=seg_token_ids,
        **(fields | changes),
    )


def tiny(**changes: Any) -> GeoPixConfig:
    """A model of some ten thousand weights for tests: 32 px images in 16 tokens, masks of 16 x 16."""
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=16,
    )
    text = LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    fields: dict[str, Any] = {
        "image_token_id": 3,
        "seg_token_ids": ((4, 5, 6), (7, 8, 9)),
        "mask_feature_layers": (-1, -2),
        "vision_feature_layer": -1,
        "neck_hidden_size": 8,
        "mask_hidden_size": 16,
        "mask_feature_size": 4,
        "mask_decoder_heads": 2,
        "mask_decoder_mlp_size": 32,
        "num_mask_tokens": 2,
        "iou_head_hidden_size": 8,
        "memory_class_names": ("ship", "airplane", "storage tank"),
        "memory_length": 4,
        "memory_dim": 8,
        "memory_size": 2,
        "memory_heads": 2,
        "memory_mlp_size": 16,
    }
    return GeoPixConfig(vision_config=vision, text_config=text, **(fields | changes))


def released_7b(**changes: Any) -> GeoPixConfig:
    """The layout the authors released: CLIP ViT-L/14 at 448 px, a 7B Vicuna, six segmentation tokens."""
    text = LlamaConfig(vocab_size=32064, max_position_embeddings=4096, pad_token_id=32001)
    return GeoPixConfig(text_config=text, **changes)
