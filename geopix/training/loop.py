"""The loop: draws batches, adds up the losses of all processes, and steps.

Each loss is a mean over tokens or masks. Over several batches, on several processes or one after the other, every batch
counts by its share of them, so that a step is the same however its images are spread.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from geopix.training.collator import LOSSES, Collator
from geopix.training.drawing import Drawing
from geopix.training.examples import Examples
from geopix.training.optimisation import build_optimiser, build_schedule
from geopix.training.parts import fix_norms, modules_named, part_parameters
from geopix.training.schema import Recipe
from harness.errors import DataError, GeoPixError


class NonFiniteLossError(GeoPixError):
    """The loss is no number any more; the run stops before the step that would spoil the weights."""

    exit_code = 1


@dataclass(frozen=True)
class StepReport:
    """What one optimiser step was like, over all processes.

    Attributes:
        values: the losses, the gradient's norm, the learning rate; what the step took on this process
            (`step_seconds`), and how much of that it waited for its batches (`waiting_seconds`).
        skipped: why samples could not be used and were replaced.
    """

    values: dict[str, float]
    skipped: tuple[str, ...]


class Loop:
    """A model with everything that trains it.

    Args:
        model: with the parts that learn set; see `geopix.training.parts.settle`.
        recipe: how it is trained.
        accelerator: the processes and the device.
    """

    def __init__(self, model: Any, recipe: Recipe, accelerator: Accelerator) -> None:
        self.bare = model
        self._recipe = recipe
        self._accelerator = accelerator
        groups = [(part, parameter) for part, _, parameter in part_parameters(model)]
        self._optimiser: Any = build_optimiser(recipe.optimiser, groups)
        self._schedule: Any = build_schedule(recipe.optimiser, self._optimiser, recipe.steps)
        self._resting = [
            parameter
            for module in modules_named(model, recipe.frozen, key="frozen")
            for parameter in module.parameters()
            if parameter.requires_grad
        ]
        self._model: Any = None

    @property
    def thawed_at(self) -> float:
        """The step after which nothing rests any more."""
        return self._recipe.thaw * self._recipe.steps if self._resting else 0

    @property
    def prepared(self) -> Any:
        """The model as accelerate trains it; None before `prepare`."""
        return self._model

    def prepare(self, step: int) -> None:
        """Hands everything to accelerate, so that states can be loaded and steps be taken.

        Args:
            step: the next step, from 1; says what still rests.
        """
        for parameter in self._resting:
            parameter.requires_grad_(step > self.thawed_at)
        self._model = None  # or what wrapped it before would go on averaging its gradients
        self._accelerator.free_memory()
        raw = getattr(self._optimiser, "optimizer", self._optimiser)
        schedule = getattr(self._schedule, "scheduler", self._schedule)
        self._model, self._optimiser, self._schedule = self._accelerator.prepare(self.bare, raw, schedule)

    def steps(self, drawing: Drawing, collate: Collator, done: int) -> Iterator[tuple[int, StepReport]]:
        """Takes the recipe's steps that are left, and yields each with its report.

        Args:
            drawing: says what is drawn at each place.
            collate: makes batches.
            done: steps that were taken before.

        Raises:
            NonFiniteLossError: a loss or a gradient is no number; the weights are as before this step.
            DataError: a sample cannot be used, and the policy is to stop.
        """
        batches = iter(self._loader(drawing, collate, done))
        self.train_mode()
        for step in range(done + 1, self._recipe.steps + 1):
            if self._resting and step > self.thawed_at >= step - 1 and step > done + 1:
                self.prepare(step)
                self.train_mode()
            began = time.monotonic()
            drawn = list(islice(batches, self._recipe.accumulate))
            waited = time.monotonic() - began
            report = self._step(step, drawn)
            pace = {"step_seconds": time.monotonic() - began, "waiting_seconds": waited}
            yield step, replace(report, values=report.values | pace)

    def train_mode(self) -> None:
        """Puts the model in training mode, batch normalisation as the recipe says."""
        self._model.train()
        if self._recipe.batch_norm == "stored":
            fix_norms(self._model)

    def _loader(self, drawing: Drawing, collate: Collator, done: int) -> Any:
        recipe = self._recipe
        first, last = done * recipe.images_per_step, recipe.steps * recipe.images_per_step
        loader = torch.utils.data.DataLoader(
            Examples(drawing, recipe.defects, first, last - first),
            batch_size=recipe.images_per_step // recipe.accumulate,
            collate_fn=collate,
            num_workers=recipe.workers,
            pin_memory=self._accelerator.device.type == "cuda",
            generator=torch.Generator(),  # the common source of chance must not depend on where a run went on
        )
        return self._accelerator.prepare(loader)

    def _step(self, step: int, batches: list[dict[str, Any]]) -> StepReport:
        for batch in batches:
            if batch["problems"]:
                raise DataError(f"step {step}: {'; '.join(batch['problems'])}\nSee `defects:` for what may be skipped.")
        skips = float(sum(len(batch["skipped"]) for batch in batches))
        counts = torch.stack([batch["counts"] for batch in batches]).sum(dim=0)
        totals = self._summed(torch.cat([counts, counts.new_tensor([skips])]))
        sums = torch.zeros(len(LOSSES), device=self._accelerator.device)
        for number, batch in enumerate(batches, 1):
            with self._accelerator.accumulate(self._model):
                shares, loss = self._forward(batch, totals[:-1])
                sums = sums + shares.detach()
                if number == len(batches):  # before the last way back, in which DeepSpeed steps
                    sums = self._summed(sums)
                    self._check(step, sums, batches)
                self._accelerator.backward(loss)
        norm = self._clip(step, batches)
        # All that is read is read before the optimiser steps: behind it, reading would wait for its end.
        values = self._named(sums) | norm | {"rate": self._schedule.get_last_lr()[0]}
        report = StepReport(values, self._skipped(batches) if totals[-1].item() else ())
        self._optimiser.step()
        self._schedule.step()
        self._optimiser.zero_grad()
        return report

    def _skipped(self, batches: list[dict[str, Any]]) -> tuple[str, ...]:
        """Gathers why samples were skipped, from all processes; where none was, no words need to pass between them."""
        return tuple(gather_object([reason for batch in batches for reason in batch["skipped"]]))

    def _forward(self, batch: Mapping[str, Any], totals: Tensor) -> tuple[Tensor, Tensor]:
        """Returns a batch's share of each loss, and what to take the gradient of."""
        output = self._model(**batch["inputs"])
        counts = batch["counts"].to(totals.device)
        shares = torch.stack([getattr(output, name) for name in LOSSES]) * counts / totals.clamp(min=1e-8)
        # Gradients are averaged over processes and over the batches of a step, and shares are to be added.
        times = self._accelerator.num_processes * self._accelerator.gradient_accumulation_steps
        return shares, (shares * self._weights(shares)).sum() * times

    def _weights(self, like: Tensor) -> Tensor:
        return torch.tensor([getattr(self.bare.config, f"{name}_weight") for name in LOSSES], device=like.device)

    def _named(self, sums: Tensor) -> dict[str, float]:
        values = dict(zip(LOSSES, sums.tolist(), strict=True))
        return {"loss": (sums * self._weights(sums)).sum().item(), **values}

    def _summed(self, values: Tensor) -> Tensor:
        """Adds values up over the processes."""
        total: Tensor = self._accelerator.reduce(values.to(self._accelerator.device), reduction="sum")
        return total

    def _check(self, step: int, sums: Tensor, batches: list[dict[str, Any]]) -> None:
        if not torch.isfinite(sums).all():
            values = ", ".join(f"{name} {value}" for name, value in zip(LOSSES, sums.tolist(), strict=True))
            raise self._broken(step, f"the loss is no number ({values})", batches)

    def _clip(self, step: int, batches: list[dict[str, Any]]) -> dict[str, float]:
        """Clips the gradients, and returns their norm before; nothing where DeepSpeed clips by itself."""
        norm = self._accelerator.clip_grad_norm_(self._model.parameters(), self._recipe.optimiser.clip)
        if norm is None:
            return {}
        value = float(norm.item())
        if not math.isfinite(value):
            raise self._broken(step, f"the gradient's norm is {value}", batches)
        return {"gradient": value}

    def _broken(self, step: int, what: str, batches: list[dict[str, Any]]) -> NonFiniteLossError:
        names = gather_object([name for batch in batches for name in batch["names"]])
        return NonFiniteLossError(
            f"step {step}: {what}. Nothing was changed by this step. Its images (and samples): {'; '.join(names)}."
        )


def learning_names(model: nn.Module) -> frozenset[str]:
    """Returns the names of the parameters that learn; call it before any of them is put to rest."""
    return frozenset(name for name, parameter in model.named_parameters() if parameter.requires_grad)
