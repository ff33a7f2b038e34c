"""A training run from its first or next step to its end: what happens between the steps."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from PIL import Image

from geopix.checkpoint import FINGERPRINTS_FILE
from geopix.predictor import GeoPix
from geopix.training.checkpoints import Checkpoints
from geopix.training.fingerprints import write_fingerprints
from geopix.training.history import HISTORY_FILE, History
from geopix.training.loop import Loop, NonFiniteLossError, StepReport, learning_names
from geopix.training.machine import device_name
from geopix.training.pictures import chosen_turns, draw_pictures
from geopix.training.preparation import Run, collator_for, drawing_of
from geopix.training.states import States
from geopix.training.story import describe_run
from geopix.training.tower import train_tower
from geopix.training.writing import writing
from harness.errors import DataError

CHECKPOINT, BEST = "checkpoint", "best"
STATES_WHOLE = "The states before it are whole."
NOTHING_SAVED = "No state was saved before; the same command begins anew"

Progress = Callable[[int, int, dict[str, float]], None]


def train(run: Run, progress: Progress = lambda step, steps, losses: None) -> Path:
    """Trains, or goes on from the latest saved state, and returns the folder of the final checkpoint.

    Raises:
        NonFiniteLossError: the loss is no number; names the step, the samples and the last good state.
        DataError: a sample cannot be used, and the policy is to stop.
        EnvironmentProblem: something cannot be written, the disk is full say.
    """
    trainer = _Trainer(run, progress)
    try:
        trainer.train()
    finally:
        run.accelerator.end_training()
    return run.output / CHECKPOINT


@dataclass
class _Position:
    """Where a run stands, as states keep it; the history's own state is beside it."""

    step: int = 0
    skipped: int = 0
    best: float | None = None
    best_step: int | None = None


class _Trainer:
    """One sitting of a run."""

    def __init__(self, run: Run, progress: Progress) -> None:
        self._run = run
        self._progress = progress
        main = run.accelerator.is_main_process
        self._history = History(run.output / HISTORY_FILE if main else None, run.recipe.log_every)
        self._position = _Position(skipped=len(run.mixture.skipped))
        self._states = States(run.output / "states", run.recipe.keep, run.accelerator, learning_names(run.model))
        self._loop = Loop(run.model, run.recipe, run.accelerator)
        self._description = describe_run(
            run.recipe, run.mixture, run.accelerator.num_processes, device_name(run.accelerator)
        )
        self._checkpoints = Checkpoints(run.output, run.recipe, run.processor, run.accelerator, self._story)

    def train(self) -> None:
        recipe, run = self._run.recipe, self._run
        self._begin()
        begun_at = self._position.step
        collate = collator_for(recipe, run.model.config, run.processor)
        try:
            for step, report in self._loop.steps(drawing_of(recipe, run.mixture), collate, self._position.step):
                self._after(step, report)
        except (NonFiniteLossError, DataError) as error:
            good = self._states.latest()
            still = f"The last good state is {good}; the same command goes on from there" if good else NOTHING_SAVED
            raise type(error)(f"{error} {still}. Look at these samples, or lower optimiser.learning_rate.") from error
        went_on = self._position.step > begun_at
        if not (run.output / CHECKPOINT).is_dir() or (went_on and recipe.checkpoint_at == "end"):
            self._write(CHECKPOINT)

    def _begin(self) -> None:
        """Loads the latest state, or does what comes before the first step."""
        run = self._run
        run.accelerator.init_trackers(run.recipe.name, config={"recipe": run.recipe.model_dump_json(by_alias=True)})
        state = self._states.latest()
        if state is None:
            self._history.clear()
            self._look_at_images()
            if run.recipe.tower is not None:
                self._teach_tower()
            self._loop.prepare(1)
            torch.manual_seed(run.recipe.seed + run.accelerator.process_index)
            if run.recipe.tower is not None:
                self._save()
            return
        step = int(state.name.removeprefix("step-"))
        self._loop.prepare(step + 1)
        position = self._states.load(state)
        self._history.go_on(position.pop("history"))
        self._position = _Position(**position)

    def _look_at_images(self) -> None:
        """Writes the images' fingerprints, for which each is read: so what is damaged is found at once."""
        run = self._run
        if not run.accelerator.is_main_process:
            return
        images = [lesson.image.path for lesson in run.mixture.lessons]
        with writing(run.output / FINGERPRINTS_FILE, "Nothing was trained yet."):
            unreadable = write_fingerprints(run.output / FINGERPRINTS_FILE, images)
        if unreadable and run.recipe.defects.image == "stop":
            raise DataError(
                f"{len(unreadable)} of {len(set(images))} images cannot be read:\n  "
                + "\n  ".join(unreadable[:20])
                + "\nReplace them, or set `defects: {image: skip}` to leave out and count what asks about them."
            )

    def _teach_tower(self) -> None:
        run, settings = self._run, self._run.recipe.tower
        if settings is None:
            return
        steps = train_tower(
            run.model,
            processor=run.processor,
            recipe=run.recipe,
            settings=settings,
            data_dir=run.data_dir,
            accelerator=run.accelerator,
        )
        for step, losses in enumerate(steps, 1):
            self._progress(step, settings.steps, self._history.add(step, settings.steps, losses))

    def _after(self, step: int, report: StepReport) -> None:
        """What happens between two steps, in an order in which a killed run loses nothing: the state is saved last."""
        recipe, position = self._run.recipe, self._position
        position.step = step
        position.skipped += len(report.skipped)
        if report.skipped:
            self._history.write({"step": step, "skipped": report.skipped})
        if position.skipped > recipe.defects.at_most:
            raise DataError(
                f"step {step}: {position.skipped} samples could not be used, more than defects.at_most = "
                f"{recipe.defects.at_most}."
            )
        means = self._history.add(step, recipe.steps, report.values)
        self._progress(step, recipe.steps, means)
        self._run.accelerator.log(report.values | {"skipped": position.skipped}, step=step)
        if recipe.pictures and (step % recipe.pictures.every == 0 or step == recipe.steps):
            self._show(step)
        if recipe.evaluation and (step % recipe.evaluation.every == 0 or step == recipe.steps):
            self._examine(step)
        if step % recipe.save_every == 0 or step == recipe.steps:
            self._save()

    def _save(self) -> None:
        if self._run.recipe.checkpoint_at == "saves":
            self._write(CHECKPOINT)
        self._states.save(self._position.step, {**vars(self._position), "history": self._history.state()})

    def _write(self, name: str) -> None:
        self._checkpoints.write(name, self._loop.prepared, self._run.model, self._position.step)

    def _story(self, step: int) -> Mapping[str, Any]:
        return {
            **self._description,
            "step": step,
            "seconds": self._history.seconds,
            "weights": sum(parameter.numel() for parameter in self._run.model.parameters()),
            "skipped": self._position.skipped,
            "best": {"score": self._position.best, "step": self._position.best_step},
        }

    def _asked(self) -> GeoPix:
        self._run.model.eval()  # type: ignore[no-untyped-call]
        return GeoPix(self._run.model, self._run.processor)

    def _show(self, step: int) -> None:
        run, settings = self._run, self._run.recipe.pictures
        if settings is not None and run.accelerator.is_main_process:
            turns = chosen_turns(run.mixture.lessons, settings.count)
            folder = run.output / "pictures" / f"step-{step:08d}"
            with run.accelerator.autocast(), writing(folder, STATES_WHOLE):
                files = draw_pictures(self._asked(), turns, folder)
            for tracker in run.accelerator.trackers:
                layout = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
                for file in files:
                    pixels = np.asarray(Image.open(file))[None]
                    tracker.log_images({f"pictures/{file.stem}": pixels}, step=step, **layout)
            self._loop.train_mode()
        run.accelerator.wait_for_everyone()

    def _examine(self, step: int) -> None:
        """Examines on the first process while the others wait, and keeps the checkpoint when it is the best so far."""
        run, examiner = self._run, self._run.examiner
        if examiner is None:
            return
        scores: list[dict[str, float | None]] = [{}]
        if run.accelerator.is_main_process:
            with run.accelerator.autocast(), writing(run.output / "evaluation", STATES_WHOLE):
                scores = [examiner.examine(self._asked(), step, json.dumps(self._description, sort_keys=True))]
            self._loop.train_mode()
            self._history.write({"step": step, "scores": scores[0]})
        broadcast_object_list(scores)
        run.accelerator.log({name: value for name, value in scores[0].items() if value is not None}, step=step)
        score, best = scores[0].get(examiner.deciding), self._position.best
        sign = 1 if examiner.higher_is_better else -1
        if score is not None and (best is None or sign * score > sign * best):
            self._position.best, self._position.best_step = score, step
            self._write(BEST)
