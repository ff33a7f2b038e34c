"""Joins a CLIP and a language model, or the parts of a LLaVA, to a GeoPix whose other parts have fresh weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPVisionModel,
    LlavaForConditionalGeneration,
    PreTrainedModel,
)

from geopix.checkpoint import quiet
from geopix.configuration import GeoPixConfig
from geopix.image_processing import CLIP_MEAN, CLIP_STD, GeoPixImageProcessor
from geopix.mask_head import MaskHead
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from geopix.vision import build_projector
from harness.errors import ConfigurationError, EnvironmentProblem, nearest

ADDED_TOKENS = 7  # <image> and six [SEG..]
ROWS_TOGETHER = 64  # tokens are padded to whole blocks of the matrix units


@dataclass(frozen=True)
class Pieces:
    """What is joined.

    Attributes:
        clip: the vision tower, at its own image size.
        language_model: with its head.
        projector: the state of a LLaVA's projector; empty for fresh weights.
        tokenizer_folder: where the tokenizer is.
        image_folder: where the image settings are, if anywhere.
    """

    clip: CLIPVisionModel
    language_model: PreTrainedModel
    projector: Mapping[str, Tensor]
    tokenizer_folder: Path
    image_folder: Path


def load_pair(vision: Path, language: Path, dtype: torch.dtype) -> Pieces:
    """Loads a CLIP and a causal language model from their folders.

    Raises:
        EnvironmentProblem: one of them cannot be loaded as what it should be.
    """
    clip = _load(CLIPVisionModel, vision, dtype, "a CLIP vision tower")
    model = _load(AutoModelForCausalLM, language, dtype, "a causal language model")
    return Pieces(clip, model, {}, tokenizer_folder=language, image_folder=vision)


def load_llava(folder: Path, dtype: torch.dtype) -> Pieces:
    """Takes a LLaVA-1.5 apart.

    Raises:
        EnvironmentProblem: it cannot be loaded, or its vision tower is no CLIP.
    """
    llava = _load(LlavaForConditionalGeneration, folder, dtype, "a LLaVA-1.5")
    if not isinstance(llava.model.vision_tower, CLIPVisionModel):
        kind = type(llava.model.vision_tower).__name__
        raise EnvironmentProblem(f"{folder}: its vision tower is a {kind}; GeoPix reads CLIP alone.")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(llava.config.text_config)
    setattr(model, model.base_model_prefix, llava.model.language_model)
    model.set_output_embeddings(llava.lm_head)
    projector = llava.model.multi_modal_projector.state_dict()
    return Pieces(llava.model.vision_tower, model, projector, tokenizer_folder=folder, image_folder=folder)


def _load(kind: Any, folder: Path, dtype: torch.dtype, expected: str) -> Any:
    try:
        with quiet():
            model, report = kind.from_pretrained(folder, dtype=dtype, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise EnvironmentProblem(f"{folder}: cannot be loaded as {expected}: {error}") from error
    if missing := sorted(report["missing_keys"]):
        raise EnvironmentProblem(
            f"{folder}: is not {expected}, or not whole: {len(missing)} tensors are missing ({', '.join(missing[:3])})."
        )
    return model


def join(
    pieces: Pieces, image_size: int, changes: Mapping[str, Any]
) -> tuple[GeoPixForConditionalGeneration, GeoPixProcessor]:
    """Makes one model of the pieces and fresh mask parts, and the processor that goes with it.

    The vision tower's position embeddings are resized to the image's new grid, bicubic, as CLIP's own interpolation
    does. `<image>` and `[SEG0]`.. are added to the tokenizer; their embeddings are drawn around the mean of all
    others, with their deviation (our choice: near words, and each another).

    Args:
        pieces: what is joined.
        image_size: side of the square pictures in pixels.
        changes: fields of `GeoPixConfig` to set otherwise.

    Raises:
        ConfigurationError: `changes` names unknown fields or contradicts itself.
        EnvironmentProblem: the tokenizer cannot be loaded.
    """
    processor = make_processor(pieces.tokenizer_folder, pieces.image_folder, image_size)
    tokenizer = processor.tokenizer
    clip = resized_tower(pieces.clip, image_size)
    language_model = pieces.language_model
    text = language_model.config
    vocabulary = grown(text.vocab_size, len(tokenizer))
    if vocabulary != text.vocab_size:
        language_model.resize_token_embeddings(vocabulary, mean_resizing=False)
    _draw_rows(language_model, (processor.image_token_id, *sum(processor.seg_token_ids, ())))
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text.update(special | {"pad_token_id": tokenizer.pad_token_id or 0})
    config = configured(
        clip.config,
        text,
        image_token_id=processor.image_token_id,
        seg_token_ids=processor.seg_token_ids,
        changes=changes,
    )
    processor.num_image_tokens = config.num_image_tokens
    with torch.device("meta"):
        model = GeoPixForConditionalGeneration(config)
    model.vision_tower.clip = clip
    model.language_model = language_model
    model.multi_modal_projector = build_projector(config)
    if pieces.projector:
        model.multi_modal_projector.load_state_dict(pieces.projector)
    model.mask_head = MaskHead(config)
    return model, processor


def make_processor(tokenizer_folder: Path, image_folder: Path, image_size: int) -> GeoPixProcessor:
    """Makes the processor of an assembled model; how many tokens an image takes is left to its configuration.

    Raises:
        EnvironmentProblem: the tokenizer cannot be loaded.
    """
    images = GeoPixImageProcessor(image_size, **_statistics(image_folder))
    return GeoPixProcessor(images, _tokenizer(tokenizer_folder))


def grown(vocabulary: int, tokens: int) -> int:
    """Returns the rows that an embedding needs: as many as it has where the tokens fit, else a multiple of 64.

    >>> grown(32000, 32007), grown(151936, 151676)
    (32064, 151936)
    """
    return vocabulary if tokens <= vocabulary else -(-tokens // ROWS_TOGETHER) * ROWS_TOGETHER


def configured(
    vision: Any,
    text: Any,
    *,
    image_token_id: int,
    seg_token_ids: tuple[tuple[int, ...], ...],
    changes: Mapping[str, Any],
) -> GeoPixConfig:
    """Builds the configuration of an assembled model.

    Raises:
        ConfigurationError: `changes` names unknown fields or contradicts itself.
    """
    known = [name for name in GeoPixConfig.__annotations__ if not name.endswith("_config")]
    for name in changes:
        if name not in known:
            raise ConfigurationError(f"base.config: GeoPixConfig has no field {name!r}.{nearest(name, known)}")
    fields = {"image_token_id": image_token_id, "seg_token_ids": seg_token_ids, **changes}
    return GeoPixConfig(vision_config=vision, text_config=text, **fields)


def sketch(
    vision: Mapping[str, Any], text: Mapping[str, Any], image_size: int, changes: Mapping[str, Any]
) -> GeoPixConfig:
    """Builds the configuration that `join` would, from the pieces' configurations alone.

    Token ids are stand-ins: they do not change a size.

    Raises:
        ConfigurationError: a configuration is of an unknown type, or `changes` is wrong.
    """
    vision = {"model_type": "clip_vision_model", **vision.get("vision_config", vision), "image_size": image_size}
    vision["model_type"] = "clip_vision_model"  # a whole CLIP's configuration calls itself clip
    words = dict(text)
    try:
        kind = AutoConfig.for_model(words.pop("model_type"), **words)
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"base.language: its config.json cannot be used: {error}") from error
    rows = kind.vocab_size
    kind.vocab_size = grown(rows, rows + ADDED_TOKENS)
    tokens = tuple(range(rows - 6, rows))
    return configured(vision, kind, image_token_id=rows - 7, seg_token_ids=(tokens[:3], tokens[3:]), changes=changes)


def _tokenizer(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentProblem(f"{folder}: its tokenizer cannot be loaded: {error}") from error


def _statistics(folder: Path) -> dict[str, Any]:
    """Mean and deviation of the images that a tower was trained on; CLIP's where its folder says nothing."""
    file = folder / "preprocessor_config.json"
    if not file.is_file():
        return {"image_mean": CLIP_MEAN, "image_std": CLIP_STD}
    settings = GeoPixImageProcessor.get_image_processor_dict(folder)[0]
    return {"image_mean": settings.get("image_mean", CLIP_MEAN), "image_std": settings.get("image_std", CLIP_STD)}


def resized_tower(clip: CLIPVisionModel, image_size: int) -> CLIPVisionModel:
    """Returns a tower for images of another size, its position embeddings resized; the same one where it fits."""
    if clip.config.image_size == image_size:
        return clip
    config: Any = clip.config.__class__(**(clip.config.to_dict() | {"image_size": image_size}))
    state = clip.state_dict()
    (name,) = (name for name in state if name.endswith("position_embedding.weight"))
    state[name] = resized_positions(state[name], image_size // config.patch_size)
    resized: CLIPVisionModel = CLIPVisionModel._from_config(config, dtype=clip.dtype)
    resized.load_state_dict(state)
    return resized


def resized_positions(embedding: Tensor, side: int) -> Tensor:
    """Position embeddings float[1 + n * n, D], the class token's first, for another grid: float[1 + side * side, D]."""
    first, places = embedding[:1], embedding[1:]
    old = round(len(places) ** 0.5)
    grid = places.float().reshape(1, old, old, -1).permute(0, 3, 1, 2)
    resized = functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False)
    return torch.cat([first, resized.permute(0, 2, 3, 1).reshape(side * side, -1).to(embedding.dtype)])


@torch.no_grad()
def _draw_rows(model: PreTrainedModel, tokens: tuple[int, ...]) -> None:
    """Draws the rows of new tokens around the mean of the others, in the embeddings and in an untied head."""
    heads: list[Any] = [model.get_input_embeddings(), model.get_output_embeddings()]
    for weight in {id(head.weight): head.weight for head in heads}.values():
        others = torch.ones(len(weight), dtype=torch.bool)
        others[list(tokens)] = False
        mean, deviation = weight[others].float().mean(dim=0), weight[others].float().std(dim=0)
        drawn = mean + deviation * torch.randn(len(tokens), weight.shape[1])
        weight[list(tokens)] = drawn.to(weight.dtype)
