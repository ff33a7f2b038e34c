"""The configuration of a released checkpoint: from its JSON files and its tensors' shapes, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError

from geopix.configuration import GeoPixConfig
from geopix.conversion.layout import CONFIGURATIONS
from geopix.conversion.names import EMBEDDING
from geopix.conversion.tensors import StoredTensor, read_json, write_json
from harness.errors import ConfigurationError, EnvironmentProblem

_KINDS = ("weight", "bias")
Settings = dict[str, dict[str, Any]]

#: What stands in the released code and in no file of a checkpoint.
FIXED: dict[str, Any] = {
    "seg_token_ids": ((32002, 32003, 32004), (32005, 32006, 32007)),
    "mask_feature_layers": (-2, -11),
    "mask_decoder_heads": 8,
    "mask_feature_size": 32,
    "memory_layers": 1,
    "memory_attention": "released_noop",
    "projector": "llava",
}
#: Sizes that no JSON file names: they are the first axis of these tensors. Two are named, so that the absence of one is
#: not taken for a mistake in all others.
SHAPED = {
    "neck_hidden_size": ("image_neck_rough.pth/conv1.0.weight", "image_neck_detail.pth/conv1.0.weight"),
    "mask_decoder_mlp_size": tuple(f"seg/mask_decoder.transformer.{n}.layers.0.mlp.lin1.weight" for n in (0, 1)),
    "num_mask_tokens": ("seg/mask_decoder.mask_tokens.weight", "seg/mask_decoder.iou_prediction_head.layers.2.bias"),
    "iou_head_hidden_size": tuple(f"seg/mask_decoder.iou_prediction_head.layers.0.{kind}" for kind in _KINDS),
    "memory_mlp_size": tuple(f"clm/memory_attention.layers.0.linear1.{kind}" for kind in _KINDS),
}
#: Fields of ours that a file of the release names: the file, and its key.
NAMED = {
    "ce_loss_weight": ("config.json", "ce_loss_weight"),
    "bce_loss_weight": ("config.json", "bce_loss_weight"),
    "dice_loss_weight": ("config.json", "dice_loss_weight"),
    "image_token_id": ("vlm/config.json", "image_token_index"),
    "vision_feature_layer": ("vlm/config.json", "vision_feature_layer"),
    "projector_hidden_act": ("vlm/config.json", "projector_hidden_act"),
    "mask_hidden_size": ("seg/config.json", "prompt_embed_dim"),
    "mask_decoder_layers": ("seg/config.json", "mask_decoder_transformer_depth"),
    "memory_num_classes": ("clm/config.json", "num_class"),
    "memory_length": ("clm/config.json", "memory_len"),
    "memory_dim": ("clm/config.json", "memory_dim"),
    "memory_size": ("clm/config.json", "feature_h"),
}
_PATCH = 14


def read_settings(folder: Path) -> tuple[Settings, list[str]]:
    """Reads all JSON files of the release, and says what is wrong with files or values that cannot be used."""
    settings: Settings = {}
    problems = []
    for file in CONFIGURATIONS:
        try:
            settings[file] = read_json(folder / file)
        except EnvironmentProblem as problem:
            problems.append(str(problem))
    return settings, problems or _contradictions(folder, settings)


def _contradictions(folder: Path, settings: Settings) -> list[str]:
    """Values that the released code could not have been run with, each with its file."""
    levels, grid = len(FIXED["seg_token_ids"]), FIXED["mask_feature_size"]
    width = settings["seg/config.json"].get("prompt_embed_dim")
    expected = [
        ("config.json", "seg_token_num", len(FIXED["seg_token_ids"][0])),
        ("config.json", "image_feature_scale_num", levels),
        ("seg/config.json", "image_feature_scale_num", levels),
        ("vlm/config.json", "vision_feature_select_strategy", "default"),
        ("vlm/vision/config.json", "model_type", "clip_vision_model"),
        ("pec/config.json", "resize_vision_tower_size", grid * _PATCH),
        ("pec/config.json", "prompt_embed_dim", width),
        ("clm/config.json", "output_dim", width),
        ("clm/config.json", "feature_w", settings["clm/config.json"].get("feature_h")),
        ("clm/config.json", "num_level", levels),
    ]
    return [
        f"{folder / file}: {key} is {settings[file][key]!r}, expected {value!r}"
        for file, key, value in expected
        if settings[file].get(key, value) != value
    ]


def config_of(settings: Settings, tensors: Mapping[str, StoredTensor]) -> GeoPixConfig:
    """Derives our configuration; what neither file nor tensor says is as `GeoPixConfig` has it, the released layout.

    Args:
        settings: the release's JSON files.
        tensors: the release's tensors, by `part/name`; of absent ones the usual size is taken.

    Raises:
        EnvironmentProblem: if the parts' configurations cannot be used.
    """
    fields = {ours: settings[file][key] for ours, (file, key) in NAMED.items() if key in settings[file]}
    for ours, names in SHAPED.items():
        sizes = [tensors[name].shape[0] for name in names if name in tensors and tensors[name].shape]
        if sizes:
            fields[ours] = sizes[0]
    embedding = tensors.get(f"vlm/{EMBEDDING}")
    dtype = embedding.dtype if embedding else torch.float32
    try:
        return GeoPixConfig(
            vision_config=settings["vlm/vision/config.json"],
            text_config=settings["vlm/text/config.json"],
            rotary_dtype=_name(dtype) if dtype.itemsize == 2 else None,
            dtype=_name(dtype),
            architectures=["GeoPixForConditionalGeneration"],
            **FIXED | fields,
        )
    except ConfigurationError:
        raise
    except (StrictDataclassError, ValueError, TypeError, KeyError) as error:
        raise EnvironmentProblem(f"the configuration files cannot be used: {error}") from error


def check_writable(config: GeoPixConfig) -> None:
    """Makes sure that the released code would answer as this model does.

    Raises:
        ConfigurationError: if the model has what the released layout cannot say; all of it is named.
    """
    odd = [
        f"{field} is {getattr(config, field)!r}, and the released code always has {value!r}"
        for field, value in FIXED.items()
        if getattr(config, field) != value
    ]
    if odd:
        raise ConfigurationError(
            "This model cannot be written in the released layout:\n  "
            + "\n  ".join(odd)
            + "\nOnly a converted checkpoint, or one trained from it, fits the released code."
        )


def write_settings(folder: Path, config: GeoPixConfig, dtype: torch.dtype) -> None:
    """Writes all JSON files of the release; `dtype` is that of the language model's weights."""
    settings: Settings = {file: {} for file in CONFIGURATIONS}
    for ours, (file, key) in NAMED.items():
        settings[file][key] = getattr(config, ours)
    levels, width, side = config.num_levels, config.mask_hidden_size, config.mask_feature_size * _PATCH
    vision, text = _classic(config.vision_config), _classic(config.text_config)
    settings["config.json"] |= {"seg_token_num": len(config.seg_token_ids[0]), "image_feature_scale_num": levels}
    settings["vlm/vision/config.json"] = vision
    settings["vlm/text/config.json"] = text
    settings["vlm/config.json"] |= {
        "model_type": "llava",
        "torch_dtype": _name(dtype),
        "text_config": text,
        "vision_config": vision,
        "image_seq_length": config.num_image_tokens,
        "pad_token_id": config.text_config.pad_token_id,
        "vision_feature_select_strategy": "default",
    }
    settings["seg/config.json"] |= {"model_type": "mask_predictor", "image_feature_scale_num": levels}
    settings["pec/config.json"] |= {
        "model_type": "prompt_encoder",
        "prompt_embed_dim": width,
        "resize_vision_tower_size": side,
        "vit_patch_size": _PATCH,
    }
    settings["clm/config.json"] |= {
        "model_type": "clm",
        "feature_w": config.memory_size,
        "num_level": levels,
        "output_dim": width,
        "memory_fuser_type": "conv3d",
    }
    for file, content in settings.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        write_json(folder / file, content)


def _classic(config: Any) -> dict[str, Any]:
    """A configuration as transformers 4, which the released code runs on, spells it."""
    values: dict[str, Any] = config.to_dict()
    values["torch_dtype"] = values.pop("dtype", None)
    values.pop("transformers_version", None)
    rope = values.pop("rope_parameters", None)
    if rope is not None:
        values["rope_theta"] = rope.pop("rope_theta")
        values["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    return values


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
