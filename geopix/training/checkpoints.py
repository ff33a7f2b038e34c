"""Whole checkpoints: what `GeoPix.from_pretrained` loads, low-rank additions merged and kept apart as well."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from torch import Tensor

from geopix.checkpoint import FINGERPRINTS_FILE, TRAINING_FILE, quiet
from geopix.model_card import write_card
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from geopix.training.bases.starting import checkpoint_folder
from geopix.training.history import HISTORY_FILE
from geopix.training.machine import sharded
from geopix.training.parts import learning_parts, lora_config
from geopix.training.schema import Recipe
from geopix.training.writing import writing

ADAPTER_FOLDER = "adapter"
#: Modules that an adapter holds whole, by the parts that learn in them.
WHOLE = {
    "vision_tower": "vision_tower",
    "projector": "multi_modal_projector",
    "necks": "mask_head",
    "mask_decoder": "mask_head",
    "memory": "mask_head",
}


class Checkpoints:
    """Writes the whole checkpoints of one run.

    Args:
        output: the run's folder; its log and fingerprints are copied into each checkpoint.
        recipe: what is trained.
        processor: goes with the model.
        accelerator: gathers sharded weights.
        story: tells what a checkpoint must know of itself, at a step.
    """

    def __init__(
        self,
        output: Path,
        recipe: Recipe,
        processor: GeoPixProcessor,
        accelerator: Accelerator,
        story: Callable[[int], Mapping[str, Any]],
    ) -> None:
        self._output = output
        self._recipe = recipe
        self._processor = processor
        self._accelerator = accelerator
        self._story = story

    def write(self, name: str, prepared: Any, bare: GeoPixForConditionalGeneration, step: int) -> Path:
        """Writes a checkpoint beside its place and renames it.

        Args:
            name: the folder's name.
            prepared: the model as accelerate trains it.
            bare: the model itself.
            step: the steps that it has learnt.

        Raises:
            EnvironmentProblem: it cannot be written; the checkpoint before it is untouched.
        """
        goal, fresh = self._output / name, self._output / f".{name}.fresh"
        weights = self._weights(prepared, bare)
        if self._accelerator.is_main_process:
            with writing(goal, "The one before it is whole." if goal.is_dir() else "There is none before it."):
                shutil.rmtree(fresh, ignore_errors=True)
                self._write(fresh, bare, weights, step)
                shutil.rmtree(goal, ignore_errors=True)
                fresh.rename(goal)
        self._accelerator.wait_for_everyone()
        return goal

    def _weights(self, prepared: Any, bare: GeoPixForConditionalGeneration) -> dict[str, Tensor]:
        if sharded(self._accelerator):
            return dict(self._accelerator.get_state_dict(prepared))
        return bare.state_dict()

    def _write(
        self, folder: Path, model: GeoPixForConditionalGeneration, weights: Mapping[str, Tensor], step: int
    ) -> None:
        merged = merge_low_rank(model, weights)
        with quiet():
            model.save_pretrained(folder, state_dict=merged)
        self._processor.save_pretrained(folder)
        # An adapter goes with the checkpoint that it was trained on; an assembled base is none.
        if self._recipe.parts.language_model == "lora" and self._recipe.base.checkpoint is not None:
            write_adapter(folder / ADAPTER_FOLDER, model, weights, self._recipe)
        (folder / TRAINING_FILE).write_text(json.dumps(self._story(step), indent=2) + "\n", encoding="utf-8")
        for file in (HISTORY_FILE, FINGERPRINTS_FILE):
            shutil.copyfile(self._output / file, folder / file)
        write_card(folder, name=self._recipe.name)
        for path in folder.rglob("*"):
            if path.is_file():
                path.chmod(0o644)  # safetensors keeps its file from everybody else


@torch.no_grad()
def merge_low_rank(model: GeoPixForConditionalGeneration, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns weights with low-rank additions added to the layers that they belong to, under the layers' own names.

    `W + (alpha / r) B A` (arXiv:2106.09685, section 4.1). The model is left as it is: what is merged and taken out
    again is not the same to the last bit.

    Args:
        model: says which layers have additions.
        weights: its state.
    """
    merged = {name.replace(".base_layer.", "."): tensor for name, tensor in weights.items() if ".lora_" not in name}
    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            down, up = (weights[f"{name}.lora_{letter}.default.weight"].float() for letter in "AB")
            own = weights[f"{name}.base_layer.weight"]
            merged[f"{name}.weight"] = (own.float() + module.scaling["default"] * (up @ down)).to(own.dtype)
    return merged


def write_adapter(
    folder: Path, model: GeoPixForConditionalGeneration, weights: Mapping[str, Tensor], recipe: Recipe
) -> None:
    """Writes an adapter folder as peft's `save_pretrained` does: `PeftModel.from_pretrained(base, folder)` loads it.

    It holds the low-rank layers, and whole the modules of the other parts that learnt (peft's `modules_to_save`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    modules = {WHOLE[part] for part in learning_parts(recipe.parts) if part in WHOLE}
    words = _word_modules(model) if "embeddings" in learning_parts(recipe.parts) else []
    base = str(checkpoint_folder(recipe.base).resolve())
    config = lora_config(
        recipe.lora, modules_to_save=sorted(modules) + words, base_model_name_or_path=base, inference_mode=True
    )
    # Only the language model has additions, and CLIP's layers go by the same names.
    config.target_modules = rf"language_model\..*\.({'|'.join(recipe.lora.targets)})"
    config.save_pretrained(str(folder))
    beginnings = tuple(f"{name}." for name in modules)
    tensors = {
        f"base_model.model.{name.replace('.default.', '.')}": tensor.detach().cpu().contiguous().clone()
        for name, tensor in weights.items()
        if ".lora_" in name or name.startswith(beginnings) or name.split(".")[-2] in words
    }
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def _word_modules(model: GeoPixForConditionalGeneration) -> list[str]:
    """The last names of the token embeddings and the head; of one where they are tied."""
    found: dict[int, str] = {}
    for module in (model.get_input_embeddings(), model.get_output_embeddings()):
        name = next(name for name, other in model.named_modules() if other is module)
        found.setdefault(id(module.weight), name.rpartition(".")[2])
    return sorted(found.values())
