"""What a recipe's model weighs, and how much memory training it takes, without a weight at hand.

The model is built on torch's meta device, where tensors have shapes and no values. What autograd keeps for the backward
pass is counted there tensor by tensor, so activations need no formula.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from geopix.attention import PRODUCTS
from geopix.class_memory import UnknownClass
from geopix.configuration import GeoPixConfig
from geopix.losses import language_loss
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.training.optimisation import states_of
from geopix.training.parts import choose_attention, part_parameters, settle
from geopix.training.schema import Optimiser, PartName, Recipe
from geopix.vision import VisionFeatures


@dataclass(frozen=True)
class PartWeights:
    """One part of a model.

    Attributes:
        name: the part, as recipes call it.
        total: its parameters, low-rank additions included.
        learning: how many of them learn.
        weights: bytes of all of them.
        optimiser: bytes of the optimiser's states, float32.
    """

    name: str
    total: int
    learning: int
    weights: int
    optimiser: int

    @property
    def gradients(self) -> int:
        """Bytes of the gradients, float32."""
        return 4 * self.learning


def on_meta(config: GeoPixConfig, recipe: Recipe) -> GeoPixForConditionalGeneration:
    """Builds the model that a recipe trains, without values."""
    with torch.device("meta"):
        model = GeoPixForConditionalGeneration(config)
        choose_attention(model, recipe)
        settle(model, recipe)
    return model


def weigh(model: GeoPixForConditionalGeneration, settings: Optimiser) -> list[PartWeights]:
    """Returns each part's parameters and what the optimiser keeps of them, in the order in which recipes list parts."""
    found: dict[str, list[nn.Parameter]] = {name: [] for name in get_args(PartName)}
    for part, _, parameter in part_parameters(model):
        found[part].append(parameter)
    return [
        PartWeights(
            name,
            total=sum(parameter.numel() for parameter in parameters),
            learning=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
            weights=sum(parameter.numel() * parameter.element_size() for parameter in parameters),
            optimiser=sum(
                4 * states_of(settings, name, parameter) * parameter.numel()
                for parameter in parameters
                if parameter.requires_grad
            ),
        )
        for name, parameters in found.items()
    ]


@dataclass(frozen=True)
class Load:
    """What one process works on at once.

    Attributes:
        images: images.
        tokens: tokens of each row, the image's included.
        answers: supervised tokens of all rows.
        targets: masks of all rows.
    """

    images: int
    tokens: int
    answers: int
    targets: int


def activations(model: GeoPixForConditionalGeneration, load: Load, dtype: torch.dtype) -> int:
    """Returns the bytes that autograd keeps between a batch's forward and backward pass; an estimate.

    All is counted in one type, though parts of a 16-bit run are computed in float32. Fused attention keeps no matrix of
    scores; attention by products does, and those that it leaves out are counted too, since here no mask can be read.

    Args:
        model: on the meta device.
        load: the batch's sizes.
        dtype: what is computed in.
    """
    config = model.config
    learns = {name: any(p.requires_grad for p in part.parameters()) for name, part in model.named_children()}
    built: Any = model  # transformers' own `to` has no useful type
    built.to(dtype).train()
    width, side = config.text_config.hidden_size, config.vision_config.image_size
    fused = model.config._attn_implementation != PRODUCTS
    with _counting(load.tokens if fused else None) as kept:
        pixels = _empty((load.images, 3, side, side), dtype)
        vision = model.vision_tower(pixels)
        grad = learns["vision_tower"] or learns["multi_modal_projector"] or learns["language_model"]
        model.multi_modal_projector(vision.language)
        _read(model, load, _empty((load.images, load.tokens, width), dtype).requires_grad_(grad))
        _speak(model, load, _empty((load.answers, width), dtype).requires_grad_(grad))
        if load.targets:
            _mark(model, load, vision, dtype)
    return kept()


def _read(model: GeoPixForConditionalGeneration, load: Load, embeddings: Tensor) -> None:
    mask = torch.ones((load.images, 1, load.tokens, load.tokens), dtype=torch.bool, device="meta")
    positions = torch.zeros((load.images, load.tokens), dtype=torch.long, device="meta")
    decoder = model.language_model.get_decoder()
    decoder(inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, use_cache=False)


def _speak(model: GeoPixForConditionalGeneration, load: Load, states: Tensor) -> None:
    labels = torch.zeros(load.answers, dtype=torch.long, device="meta")
    language_loss(model.get_output_embeddings()(states), labels)


def _mark(model: GeoPixForConditionalGeneration, load: Load, vision: VisionFeatures, dtype: torch.dtype) -> None:
    config = model.config
    states = _empty((load.targets, len(config.run_token_ids), config.text_config.hidden_size), dtype).requires_grad_()
    images = torch.zeros(load.targets, dtype=torch.long, device="meta")
    model.mask_head(vision.levels, states, images, UnknownClass())


def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


@contextmanager
def _counting(unkept: int | None) -> Iterator[Callable[[], int]]:
    """Counts the bytes of what autograd saves within, each tensor once and weights not.

    Args:
        unkept: the side of attention's scores where a fused kernel would not keep them; None where all is kept.
    """
    seen: dict[int, Tensor] = {}

    def save(tensor: Tensor) -> Tensor:
        scores = tensor.shape[-2:] == (unkept, unkept)  # of all heads, however they are folded
        if not (scores or isinstance(tensor, nn.Parameter) or isinstance(tensor._base, nn.Parameter)):
            storage = tensor.untyped_storage()
            seen.setdefault(storage._cdata, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        yield lambda: sum(tensor.untyped_storage().nbytes() for tensor in seen.values())
