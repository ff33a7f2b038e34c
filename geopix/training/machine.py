"""The processes and the device that train, by accelerate: started by `torchrun`, `accelerate launch` or neither."""

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import (
    DataLoaderConfiguration,
    DistributedDataParallelKwargs,
    DistributedType,
    InitProcessGroupKwargs,
)

from geopix.training.schema import Recipe
from harness.errors import ConfigurationError, EnvironmentProblem

_TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb"}
SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


def join_processes(recipe: Recipe, output: Path) -> Accelerator:
    """Joins the processes that were started together; alone where there is one.

    Raises:
        ConfigurationError: a step's images cannot be shared evenly, or the recipe asks for what sharded weights
            cannot do.
        EnvironmentProblem: a tracker is not installed.
    """
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),  # or several processes on CPUs take themselves to be alone
        mixed_precision="bf16" if recipe.precision == "bfloat16" else "no",
        gradient_accumulation_steps=recipe.accumulate,
        log_with=known_trackers(recipe) or None,
        project_dir=output,
        dataloader_config=DataLoaderConfiguration(split_batches=True),
        kwargs_handlers=[
            # A process whose images have no target does not use its mask head.
            DistributedDataParallelKwargs(find_unused_parameters=True),
            # While the first one examines the model, the others wait.
            InitProcessGroupKwargs(timeout=timedelta(hours=6)),
        ],
    )
    at_once = recipe.images_per_step // recipe.accumulate
    if at_once % accelerator.num_processes:
        raise ConfigurationError(
            f"{at_once} images at once (images_per_step {recipe.images_per_step} / accumulate {recipe.accumulate}) "
            f"cannot be shared evenly by {accelerator.num_processes} processes; set images_per_step to a multiple of "
            f"{accelerator.num_processes * recipe.accumulate}."
        )
    if sharded(accelerator):
        _check_sharded(recipe)
    return accelerator


def sharded(accelerator: Accelerator) -> bool:
    """Whether weights are spread over the processes, so that no process can use the model alone."""
    return accelerator.distributed_type in SHARDED


def _check_sharded(recipe: Recipe) -> None:
    asked = {
        "evaluation": recipe.evaluation is not None,
        "pictures": recipe.pictures is not None,
        "frozen with thaw below 1": bool(recipe.frozen) and recipe.thaw < 1,
        "tower": recipe.tower is not None,
    }
    if impossible := [name for name, wanted in asked.items() if wanted]:
        raise ConfigurationError(
            f"{', '.join(impossible)}: not possible while FSDP or DeepSpeed spreads the weights over the processes. "
            "Leave it out of the recipe, and evaluate the checkpoint with geopix-eval afterwards."
        )


def known_trackers(recipe: Recipe) -> list[str]:
    """Returns the recipe's trackers.

    Raises:
        EnvironmentProblem: one of them is not installed.
    """
    missing = [name for name in recipe.trackers if find_spec(_TRACKERS[name]) is None]
    if missing:
        raise EnvironmentProblem(
            f"trackers: {', '.join(missing)} is not installed. Install it: pip install 'geopix[training]', or set "
            "trackers=[]."
        )
    return list(recipe.trackers)


def device_name(accelerator: Accelerator) -> str:
    """The device's name as people know it."""
    if accelerator.device.type == "cuda":
        return torch.cuda.get_device_name(accelerator.device)
    return str(accelerator.device)
