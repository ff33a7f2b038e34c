"""What training goes on from: a checkpoint, with another mask head or fresh parts where a recipe asks for them."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from geopix.checkpoint import load_checkpoint
from geopix.configuration import GeoPixConfig
from geopix.mini import MINI
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from geopix.training.parts import modules_named
from geopix.training.schema import Base
from harness.errors import ConfigurationError, nearest

#: Checkpoints that a recipe may call by name.
SHIPPED = {"geopix-mini": MINI}
MEMORY = "mask_head.memory"
#: Fields of the configuration that shape no other part than the mask head.
HEAD_FIELDS = tuple(
    name
    for name in GeoPixConfig.__annotations__
    if name.startswith(("mask_", "neck_", "num_mask_", "iou_head_", "memory_"))
)


def checkpoint_folder(base: Base) -> Path:
    """Returns the folder of a base's checkpoint, whose name may be that of a shipped one."""
    return SHIPPED.get(str(base.checkpoint), base.checkpoint or Path())


def changes_of(base: Base) -> dict[str, Any]:
    """Returns the fields of its checkpoint's configuration that a base sets otherwise.

    Raises:
        ConfigurationError: one of them shapes more than the mask head.
    """
    for name in base.config:
        if name not in HEAD_FIELDS:
            raise ConfigurationError(
                f"base.config: {name!r} is no field of the mask head, all that can be changed of a checkpoint."
                f"{nearest(name, HEAD_FIELDS)} Known: {', '.join(HEAD_FIELDS)}."
            )
    return base.config | ({} if base.memory is None else {"memory_attention": base.memory})


def starting_point(base: Base, seed: int) -> tuple[GeoPixForConditionalGeneration, GeoPixProcessor]:
    """Loads a recipe's checkpoint, plugs in the memory or the mask head that it asks for, and draws its fresh parts.

    Models that differ in nothing but the memory start from the same numbers everywhere else: modules are drawn in
    their order, and the memory is the mask head's last.

    Args:
        base: names the checkpoint.
        seed: of the fresh weights.

    Raises:
        ConfigurationError: there is no such memory, field or part, or a part that cannot be drawn anew.
        EnvironmentProblem: the checkpoint is damaged, or lacks weights that are not to be drawn anew.
    """
    changes = changes_of(base)
    drawn_already = any(f"{MEMORY}.".startswith(f"{part}.") for part in base.fresh)
    fresh = base.fresh if drawn_already or not changes else [*base.fresh, MEMORY]
    folder, cpu = checkpoint_folder(base), torch.device("cpu")
    # Of tensors of several types transformers makes one: in float32 none of them loses a bit.
    model, processor = load_checkpoint(folder, cpu, torch.float32, changes=changes, fresh=fresh)
    chosen = modules_named(model, fresh, key="base.fresh")
    torch.manual_seed(seed)
    for part in chosen:
        draw_anew(part)
    return model, processor


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
