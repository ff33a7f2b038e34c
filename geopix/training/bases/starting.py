"""The model that training goes on from: a checkpoint, with another class memory or fresh parts where asked for."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from geopix.checkpoint import quiet
from geopix.configuration import GeoPixConfig
from geopix.mini import MINI
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.training.parts import modules_named
from geopix.training.schema import Base
from harness.errors import ConfigurationError, EnvironmentProblem

#: Checkpoints that a recipe may call by name.
SHIPPED = {"geopix-mini": MINI}
MEMORY = "mask_head.memory"


def checkpoint_folder(base: Base) -> Path:
    """Returns the folder of a base's checkpoint, whose name may be that of a shipped one."""
    return SHIPPED.get(str(base.checkpoint), base.checkpoint or Path())


def starting_model(base: Base, seed: int) -> GeoPixForConditionalGeneration:
    """Loads a recipe's checkpoint, plugs in the memory that it asks for, and draws its fresh parts.

    Models that differ in nothing but the memory start from the same numbers everywhere else: modules are drawn in
    their order, and the memory is the mask head's last.

    Args:
        base: names the checkpoint.
        seed: of the fresh weights.

    Raises:
        ConfigurationError: there is no such memory or part, or a part that cannot be drawn anew.
        EnvironmentProblem: the checkpoint lacks weights that are not to be drawn anew.
    """
    folder = checkpoint_folder(base)
    config: GeoPixConfig = GeoPixConfig.from_pretrained(folder)
    fresh = list(base.fresh)
    if base.memory not in {None, config.memory_attention}:
        config.memory_attention = base.memory
        fresh.append(MEMORY)
    with quiet(reports=False):  # that the memory's tensors do not fit is meant; that others are missing is told below
        loaded: Any = GeoPixForConditionalGeneration.from_pretrained(folder, config=config, output_loading_info=True)
    model, report = loaded
    if missing := sorted(
        key for key in report["missing_keys"] if not key.startswith(tuple(f"{name}." for name in fresh))
    ):
        raise EnvironmentProblem(f"{folder}: the weights lack {len(missing)} tensors of this model ({missing[0]}, ..).")
    torch.manual_seed(seed)
    for part in modules_named(model, fresh, key="base.fresh"):
        draw_anew(part)
    return model  # type: ignore[no-any-return]


def draw_anew(part: nn.Module) -> None:
    """Forgets what a part has learnt: each of its modules draws its weights as when it was built.

    Raises:
        ConfigurationError: a module has weights and no way to draw them, as those of transformers.
    """
    for name, module in part.named_modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
        elif next(module.parameters(recurse=False), None) is not None:
            where = f" at {name!r}" if name else ""
            raise ConfigurationError(
                f"base.fresh: {type(module).__name__}{where} does not say how its weights are drawn. Parts of the mask "
                "head and of the projector do; give base.size for a model whose every weight is fresh."
            )
