"""Tiny checkpoints of each family with random weights, in the layout that the hub has them in."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GemmaConfig,
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SamConfig,
    SamHQConfig,
    SamHQModel,
    SamHQProcessor,
    SamImageProcessorPil,
    SamModel,
    SamProcessor,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessorPil,
)

WORDS = """
<pad> <unknown> <begin> <end> user system assistant : . ? ! is it a ship the image yes no where what you are brief
answer en caption detect red blue in of pier Report its bbox coordinates JSON format Give bounding box
"""
#: What the checkpoints are made to say, one token each.
SAYINGS = {
    "llava": "[0.25, 0.5, 0.75, 1.0]",
    "qwen2_5_vl": '{"bbox_2d": [14, 14, 42, 28]}',
    "qwen3_vl": '{"bbox_2d": [250, 500, 750, 1000]}',
    "internvl": "[[250, 500, 750, 1000]]",
    "smolvlm": "[25, 50, 75, 100]",
}
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE {% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)
TEXT = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 512, "bos_token_id": 2, "eos_token_id": 3,
    "pad_token_id": 0, "tie_word_embeddings": False,
}  # fmt: skip
VISION = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip


def tokenizer(*special: str, named: dict[str, str] | None = None) -> PreTrainedTokenizerFast:
    """Words as tokens; `special` and `named` ones besides, and what the checkpoints are made to say."""
    vocabulary = {word: place for place, word in enumerate(WORDS.split())}
    words = Tokenizer(models.WordLevel(vocabulary, "<unknown>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.add_tokens([AddedToken(saying) for saying in SAYINGS.values()])
    words.add_special_tokens([AddedToken(mark) for mark in (*special, *(named or {}).values())])
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unknown>", bos_token="<begin>", eos_token="<end>",
        extra_special_tokens=named or {},
    )  # fmt: skip


def _save(  # noqa: PLR0917 - the parts of a checkpoint
    folder: Path, model: Any, words: Any, pictures: Any, kind: str, image: str | None, **settings: Any
) -> Path:
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(8.0 if weights.ndim == 2 else 1.0)  # so that answers depend on what is asked
    model.eval().save_pretrained(folder)
    words.save_pretrained(folder)
    pictures.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": kind, **settings}))
    if image:
        (folder / "chat_template.jinja").write_text(TEMPLATE.replace("IMAGE", image))
    return folder


def llava(folder: Path) -> Path:
    words = tokenizer("<image>")
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**VISION), text_config=LlamaConfig(vocab_size=len(words), **TEXT),
        image_token_index=words.convert_tokens_to_ids("<image>"), tie_word_embeddings=False,
    )  # fmt: skip
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    return _save(
        folder, LlavaForConditionalGeneration(config), words, pictures, "LlavaProcessor", "<image>",
        patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
    )  # fmt: skip


def llava_next(folder: Path) -> Path:
    words = tokenizer("<image>")
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**VISION), text_config=LlamaConfig(vocab_size=len(words), **TEXT),
        image_token_index=words.convert_tokens_to_ids("<image>"), tie_word_embeddings=False,
        image_grid_pinpoints=[[28, 56], [56, 28]],
    )  # fmt: skip
    pictures = LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=[[28, 56], [56, 28]]
    )
    return _save(
        folder, LlavaNextForConditionalGeneration(config), words, pictures, "LlavaNextProcessor", "<image>",
        patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
    )  # fmt: skip


QWEN = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")


def _qwen_tokens(words: Any) -> dict[str, int]:
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return dict(zip(names, words.convert_tokens_to_ids(list(QWEN)), strict=True))


def qwen2_5_vl(folder: Path) -> Path:
    words = tokenizer(*QWEN)
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 14, "spatial_merge_size": 2, "window_size": 56, "fullatt_block_indexes": [1],
        },
        text_config={
            **TEXT, "vocab_size": len(words),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
        },
        tie_word_embeddings=False, **_qwen_tokens(words),
    )  # fmt: skip
    pictures = Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=56 * 56)
    return _save(
        folder, Qwen2_5_VLForConditionalGeneration(config), words, pictures, "Qwen2_5_VLProcessor",
        "<|vision_start|><|image_pad|><|vision_end|>",
    )  # fmt: skip


def qwen3_vl(folder: Path) -> Path:
    words = tokenizer(*QWEN)
    config = Qwen3VLConfig(
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 14, "spatial_merge_size": 2, "deepstack_visual_indexes": [0], "num_position_embeddings": 16,
        },
        text_config={
            **TEXT, "vocab_size": len(words),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]},
        },
        tie_word_embeddings=False, **_qwen_tokens(words),
    )  # fmt: skip
    pictures = Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=56 * 56)
    return _save(
        folder, Qwen3VLForConditionalGeneration(config), words, pictures, "Qwen3VLProcessor",
        "<|vision_start|><|image_pad|><|vision_end|>",
    )  # fmt: skip


def internvl(folder: Path) -> Path:
    named = {
        "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }  # fmt: skip
    words = tokenizer(named=named)
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(**VISION | {"image_size": [28, 28], "patch_size": [14, 14]}),
        text_config=Qwen2Config(vocab_size=len(words), **TEXT), image_seq_length=1, downsample_ratio=0.5,
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"), tie_word_embeddings=False,
    )  # fmt: skip
    pictures = GotOcr2ImageProcessorPil(size={"height": 28, "width": 28})
    return _save(
        folder, InternVLForConditionalGeneration(config), words, pictures, "InternVLProcessor", "<IMG_CONTEXT>",
        image_seq_length=1,
    )  # fmt: skip


def smolvlm(folder: Path) -> Path:
    marks = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<video>"]
    marks += [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    words = tokenizer(*marks)
    config = SmolVLMConfig(
        vision_config=VISION, text_config={**TEXT, "model_type": "llama", "vocab_size": len(words)}, scale_factor=2,
        image_token_id=words.convert_tokens_to_ids("<image>"), tie_word_embeddings=False, pad_token_id=0,
    )  # fmt: skip
    pictures = SmolVLMImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    return _save(
        folder, SmolVLMForConditionalGeneration(config), words, pictures, "SmolVLMProcessor", "<image>",
        image_seq_len=1,
    )  # fmt: skip


def paligemma(folder: Path) -> Path:
    words = tokenizer("<image>")
    words.add_tokens([f"<loc{place:04}>" for place in range(1024)] + [f"<seg{place:03}>" for place in range(128)])
    text = GemmaConfig(vocab_size=len(words), **TEXT)
    config = PaliGemmaConfig(
        vision_config=SiglipVisionConfig(**VISION, num_image_tokens=4), text_config=text, projection_dim=32,
        image_token_index=words.convert_tokens_to_ids("<image>"), hidden_size=32, tie_word_embeddings=False,
    )  # fmt: skip
    pictures = SiglipImageProcessorPil(size={"height": 28, "width": 28})
    pictures.image_seq_length = 4
    return _save(folder, PaliGemmaForConditionalGeneration(config), words, pictures, "PaliGemmaProcessor", None)


def sam(folder: Path, *, high_quality: bool = False) -> Path:
    """A Segment Anything of 32 pixels a side, or its variant HQ-SAM."""
    torch.manual_seed(0)
    config = (SamHQConfig if high_quality else SamConfig)(
        vision_config={
            "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 16,
            "image_size": 32, "patch_size": 8, "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 8,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 32, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "iou_head_hidden_dim": 16, **({"vit_dim": 16} if high_quality else {}),
        },
    )  # fmt: skip
    model = (SamHQModel if high_quality else SamModel)(config)
    with torch.no_grad():
        for weights in model.mask_decoder.parameters():
            weights.mul_(8.0 if weights.ndim == 2 else 1.0)  # so that masks depend on the box
    model.eval().save_pretrained(folder)
    pictures = SamImageProcessorPil(
        size={"longest_edge": 32}, pad_size={"height": 32, "width": 32}, mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    )  # fmt: skip
    (SamHQProcessor if high_quality else SamProcessor)(pictures).save_pretrained(folder)
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "llava": llava,
    "llava_next": llava_next,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "internvl": internvl,
    "smolvlm": smolvlm,
    "paligemma": paligemma,
}


def make(family: str, folder: Path) -> Path:
    """Writes a family's checkpoint, the same weights each time."""
    torch.manual_seed(0)
    return MAKERS[family](folder)


@torch.no_grad()
def teach(model: Any, says: Sequence[int], end: int) -> None:
    """Makes a loaded model say some tokens and stop, whatever it is asked.

    Attention and the layers between add nothing any more, so that each token alone decides on the next: a token of the
    answer is followed by the one after it, and every other token by the answer's first.
    """
    words = model.get_input_embeddings().weight
    head = model.get_output_embeddings().weight
    for name, part in model.named_modules():
        if name.endswith(("self_attn.o_proj", "mlp.down_proj")) and isinstance(part, nn.Linear):
            part.weight.zero_()
    words.zero_()
    words[:, 0] = 1.0
    head.zero_()
    head[says[0], 0] = 1.0
    for place, (token, following) in enumerate(zip(says, [*says[1:], end], strict=True), 1):
        words[token] = 0.0
        words[token, place] = 1.0
        head[following, place] = 1.0
