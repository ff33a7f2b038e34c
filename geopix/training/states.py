"""Saved states: all that a killed run needs to go on as if nothing had happened.

A state holds the weights that learn with the buffers, the optimiser, the schedule and the sources of chance, as
accelerate writes them, and `position.json` with the place in the data and the log. It is written beside its place and
renamed, so that a state is whole or not there.
"""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from geopix.training.writing import writing
from harness.errors import EnvironmentProblem

POSITION_FILE, LEARNT_FILE = "position.json", "learnt.safetensors"
_FRESH = ".fresh"


class States:
    """The states of one run.

    Args:
        folder: where they are.
        keep: how many are kept, the latest ones.
        accelerator: saves and loads what was prepared with it.
        learning: names of the parameters that learn, or rest for a while.
    """

    def __init__(self, folder: Path, keep: int, accelerator: Accelerator, learning: Collection[str]) -> None:
        self._folder = folder
        self._learning = learning
        self._keep = keep
        self._accelerator = accelerator
        accelerator.register_save_state_pre_hook(self._save_learnt)
        accelerator.register_load_state_pre_hook(self._load_learnt)

    def latest(self) -> Path | None:
        """The latest whole state; None where there is none."""
        whole = [path for path in self._folder.glob("step-*") if (path / POSITION_FILE).is_file()]
        return max(whole, default=None, key=lambda path: path.name)

    def save(self, step: int, position: Mapping[str, Any]) -> None:
        """Writes a state, renames it to its place, and deletes old ones.

        Raises:
            EnvironmentProblem: it cannot be written, the disk is full say; the states before it are untouched.
        """
        fresh = self._folder / _FRESH
        if self._accelerator.is_main_process:
            shutil.rmtree(fresh, ignore_errors=True)
        self._accelerator.wait_for_everyone()
        good = self.latest()
        still = f"The last good state is {good}." if good else "No state was saved before."
        with writing(fresh, still, also=(RuntimeError,)):  # torch.save raises it where the disk is full
            fresh.mkdir(parents=True, exist_ok=True)
            self._accelerator.save_state(str(fresh))
            self._accelerator.wait_for_everyone()
            if self._accelerator.is_main_process:
                (fresh / POSITION_FILE).write_text(json.dumps(position), encoding="utf-8")
                goal = self._folder / f"step-{step:08d}"
                shutil.rmtree(goal, ignore_errors=True)
                fresh.rename(goal)
                for old in sorted(self._folder.glob("step-*"))[: -self._keep]:
                    shutil.rmtree(old)
        self._accelerator.wait_for_everyone()

    def load(self, state: Path) -> dict[str, Any]:
        """Loads a state into everything that was prepared, and returns its position.

        Raises:
            EnvironmentProblem: it is damaged; says what to do.
        """
        try:
            position: dict[str, Any] = json.loads((state / POSITION_FILE).read_text(encoding="utf-8"))
            self._accelerator.load_state(str(state))
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise EnvironmentProblem(
                f"{state}: this saved state cannot be loaded: {error}. Delete its folder to go on from the state "
                "before it."
            ) from error
        return position

    def _save_learnt(self, models: list[nn.Module], weights: list[Mapping[str, Tensor]], folder: str) -> None:
        """Saves what can change in the place of all weights; sharded models never come here with weights."""
        if weights:
            model = self._accelerator.unwrap_model(models[0])
            if self._accelerator.is_main_process:
                tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self._changing(model)}
                save_file(tensors, Path(folder) / LEARNT_FILE)
            weights.clear()

    def _load_learnt(self, models: list[nn.Module], folder: str) -> None:
        if models:
            model = self._accelerator.unwrap_model(models.pop())
            stored = load_file(Path(folder) / LEARNT_FILE)
            changing = dict(self._changing(model))
            if differing := stored.keys() ^ changing.keys():
                raise ValueError(f"it holds other tensors than this model ({', '.join(sorted(differing)[:3])})")
            with torch.no_grad():
                for name, tensor in changing.items():
                    tensor.copy_(stored[name])

    def _changing(self, model: nn.Module) -> Iterator[tuple[str, Tensor]]:
        """Yields what training changes, each tensor once: parameters that learn, and stored buffers."""
        seen: set[int] = set()
        for name, tensor in model.state_dict(keep_vars=True).items():
            changes = name in self._learning or not isinstance(tensor, nn.Parameter)
            if changes and id(tensor) not in seen:
                seen.add(id(tensor))
                yield name, tensor
