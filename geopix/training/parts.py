"""The model's parts as recipes name them: which parameters each has, which learn, and the low-rank additions."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from geopix.attention import PRODUCTS
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.training.schema import LowRank, Parts, Recipe
from harness.errors import ConfigurationError, nearest

#: Beginnings of parameter names, the first that fits decides; the language model's embeddings are found by the model.
PREFIXES: Mapping[str, str] = {
    "vision_tower.": "vision_tower",
    "multi_modal_projector.": "projector",
    "language_model.": "language_model",
    "mask_head.necks.": "necks",
    "mask_head.memory.": "memory",
    "mask_head.": "mask_decoder",
}
NORMS = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def part_parameters(model: GeoPixForConditionalGeneration) -> Iterator[tuple[str, str, nn.Parameter]]:
    """Yields each parameter once: its part, its name and itself.

    Raises:
        KeyError: a parameter belongs to no part; the table above then lacks a prefix.
    """
    heads = (model.get_input_embeddings(), model.get_output_embeddings())
    words = {id(parameter) for head in heads for parameter in head.parameters()}
    for name, parameter in model.named_parameters():
        if id(parameter) in words:
            yield "embeddings", name, parameter
        else:
            prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
            if prefix is None:
                raise KeyError(f"the parameter {name} belongs to no part that a recipe can name")
            yield PREFIXES[prefix], name, parameter


def settle(model: GeoPixForConditionalGeneration, recipe: Recipe, *, one_type: bool = False) -> None:
    """Makes the parts learn that the recipe names, and gives every weight the type that it trains or rests in.

    What learns is float32, and so are buffers and batch normalisation. What never learns is bfloat16 where the recipe
    computes in it, float32 otherwise.

    Args:
        model: the model, changed in place.
        recipe: says which parts learn.
        one_type: keeps everything in float32, for FSDP, which spreads weights of one type only.

    Raises:
        ConfigurationError: `lora.targets` names no layer of the language model.
    """
    learning = learning_parts(recipe.parts)
    for part, _, parameter in part_parameters(model):
        parameter.requires_grad_(part in learning)
    if recipe.parts.language_model == "lora":
        add_low_rank(model, recipe.lora)
    resting = torch.bfloat16 if recipe.precision == "bfloat16" and not one_type else torch.float32
    norms = {id(value) for part in model.modules() if isinstance(part, NORMS) for value in part.parameters()}
    for parameter in model.parameters():
        keeps = parameter.requires_grad or id(parameter) in norms  # batch normalisation mixes with its float32 means
        parameter.data = parameter.data.to(torch.float32 if keeps else resting)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.data = buffer.data.to(torch.float32)
    if recipe.gradient_checkpointing:
        # transformers gave it another name on the way to its version 6.
        enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
        enable({"use_reentrant": False})


def choose_attention(model: GeoPixForConditionalGeneration, recipe: Recipe) -> None:
    """Lets the model compute attention as the recipe says."""
    if recipe.attention == "products":
        model.set_attn_implementation(PRODUCTS)


def learning_parts(parts: Parts) -> set[str]:
    """Returns the parts whose own weights learn; low-rank additions are not the language model's own."""
    return {name for name, how in parts if how == "full"}


def add_low_rank(model: GeoPixForConditionalGeneration, settings: LowRank) -> None:
    """Adds low-rank layers beside the language model's linear layers, in place.

    Raises:
        ConfigurationError: a target names no linear layer.
    """
    layers = {
        name.rpartition(".")[2] for name, part in model.language_model.named_modules() if isinstance(part, nn.Linear)
    }
    unknown = [target for target in settings.targets if target not in layers]
    if unknown:
        raise ConfigurationError(
            f"lora.targets: the language model has no linear layer {unknown[0]!r}.{nearest(unknown[0], layers)} "
            f"It has {', '.join(sorted(layers))}."
        )
    requires = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    inject_adapter_in_model(lora_config(settings), model.language_model)
    for name, parameter in model.named_parameters():  # peft freezes all that is not its own
        parameter.requires_grad_(requires.get(name.replace(".base_layer", ""), True))


def lora_config(settings: LowRank, **others: object) -> LoraConfig:
    """Returns the settings as peft calls them."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        bias="none",
        **others,  # type: ignore[arg-type]
    )


def fix_norms(model: nn.Module) -> None:
    """Lets batch normalisation use its stored means; call it whenever the model was put in training mode."""
    for module in model.modules():
        if isinstance(module, NORMS):
            module.eval()


def modules_named(model: nn.Module, names: Sequence[str], key: str) -> list[nn.Module]:
    """Returns modules of a model by their names, `vision_tower` for example.

    Args:
        model: the model.
        names: the names.
        key: the recipe's key that holds them, for messages.

    Raises:
        ConfigurationError: there is no such module; the nearest one is suggested.
    """
    known = dict(model.named_modules())
    for name in names:
        if name not in known or not name:
            top = ", ".join(child for child, _ in model.named_children())
            raise ConfigurationError(f"{key}: the model has no part {name!r}.{nearest(name, known)} Its parts: {top}.")
    return [known[name] for name in names]
