"""The training loop: draws images, packs their questions, steps, logs, saves."""

import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from torch import Tensor

from geopix.blind import BlankImages
from geopix.checkpoint import FINGERPRINTS_FILE, TRAINING_FILE, quiet
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration, GeoPixOutput
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.sizes import mini
from geopix.training.collator import IGNORED, Collator, each_answer, each_token
from geopix.training.fingerprints import write_fingerprints
from geopix.training.maps import find_maps
from geopix.training.mixture import Lesson, Turn, draw, lessons, texts
from geopix.training.optimisation import Stepper
from geopix.training.ranks import Ranks
from geopix.training.recipe import Base, Recipe, Tower
from geopix.training.starting import parts, starting_point
from geopix.training.tower import train_tower
from harness.catalog import Catalogue
from harness.errors import ConfigurationError, GeoPixError
from harness.paths import below
from harness.plugins import Plugins
from harness.records import ImageFile

LOSSES = ("ce_loss", "bce_loss", "dice_loss", "class_loss")
WEIGHTS = {"tokens": each_token, "answers": each_answer}
HISTORY_FILE = "history.jsonl"

Progress = Callable[[int, int, dict[str, float]], None]


class NonFiniteLossError(GeoPixError):
    """The loss is no number any more; the run stops before the step that would spoil the weights."""

    exit_code = 1


@dataclass(frozen=True)
class Run:
    """What a training run works on.

    Attributes:
        recipe: everything it depends on.
        model: the model, on its device.
        processor: its processor.
        mixture: the images and their questions.
        data_dir: the folder with the data sets.
        output: the folder of checkpoints and logs.
        ranks: this process among those that train together.
    """

    recipe: Recipe
    model: GeoPixForConditionalGeneration
    processor: GeoPixProcessor
    mixture: Sequence[Lesson]
    data_dir: Path
    output: Path
    ranks: Ranks

    @property
    def checkpoint(self) -> Path:
        """Where the latest checkpoint is."""
        return self.output / "checkpoint"


def prepare(recipe: Recipe, data_dir: Path, output: Path, catalogue: Catalogue, plugins: Plugins) -> Run:
    """Reads the data and builds the model; nothing is trained yet.

    Raises:
        GeoPixError: the recipe, the data or the checkpoint is wrong; says what to do.
    """
    if (output / HISTORY_FILE).exists():
        raise ConfigurationError(
            f"{output} holds a training run already. Name another folder with --output, or delete it."
        )
    if recipe.tower is not None:
        find_maps(below(data_dir, recipe.tower.maps))
    mixture = lessons(recipe.data, data_dir, catalogue, plugins)
    torch.manual_seed(recipe.seed)
    model, processor = _base(recipe.base, mixture, recipe)
    parts(model, recipe.frozen, key="frozen")
    return Run(recipe, model, processor, mixture, data_dir, output, Ranks.join())


def _base(
    base: Base, mixture: Sequence[Lesson], recipe: Recipe
) -> tuple[GeoPixForConditionalGeneration, GeoPixProcessor]:
    if (base.checkpoint is None) == (base.size is None):
        raise ConfigurationError("base: give either `checkpoint` or `size`.")
    if base.checkpoint is not None:
        model, processor = starting_point(base, recipe.seed)
        model.config.update(_weights(recipe))
        return model, processor
    tokenizer = train_tokenizer(texts(mixture), base.vocabulary)
    processor = GeoPixProcessor(GeoPixImageProcessor(256), tokenizer)
    config = mini(
        vocab_size=len(tokenizer),
        image_token_id=processor.image_token_id,
        seg_token_ids=processor.seg_token_ids,
        memory_class_names=tuple(base.memory_classes) or None,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **_weights(recipe),
    )
    processor.num_image_tokens = config.num_image_tokens
    model = GeoPixForConditionalGeneration(config)
    # Entries near one: what a narrow model's first blocks add would drown the words at LLaMA's 0.02.
    torch.nn.init.normal_(model.get_input_embeddings().get_parameter("weight"))
    return model, processor


def _weights(recipe: Recipe) -> dict[str, float]:
    losses = recipe.losses
    return {
        "ce_loss_weight": losses.ce,
        "bce_loss_weight": losses.bce,
        "dice_loss_weight": losses.dice,
        "class_loss_weight": losses.class_,
    }


def train(run: Run, progress: Progress = lambda step, steps, losses: None) -> Path:
    """Trains and returns the folder of the final checkpoint.

    Raises:
        NonFiniteLossError: the loss is no number; names the step and the images.
    """
    run.output.mkdir(parents=True, exist_ok=True)
    if run.ranks.first:
        write_fingerprints(run.output / FINGERPRINTS_FILE, (lesson.image.path for lesson in run.mixture))
    log = run.output / HISTORY_FILE if run.ranks.first else Path(os.devnull)
    with log.open("w", encoding="utf-8") as file:
        history = History(file, run.recipe.log_every)
        if run.recipe.tower is not None:
            _teach_tower(run, run.recipe.tower, history, progress)
            if run.ranks.first:
                save(run, 0, history.seconds)
        _teach(run, history, progress)
    run.ranks.leave()
    return run.checkpoint


def _teach_tower(run: Run, settings: Tower, history: "History", progress: Progress) -> None:
    steps = train_tower(
        run.model,
        processor=run.processor,
        recipe=run.recipe,
        settings=settings,
        data_dir=run.data_dir,
        ranks=run.ranks,
    )
    for step, losses in enumerate(steps, 1):
        progress(step, settings.steps, history.add(step, settings.steps, losses))


def _teach(run: Run, history: "History", progress: Progress) -> None:
    recipe, model = run.recipe, run.model
    collate = _collator(run)
    frozen = parts(model, recipe.frozen, key="frozen")
    stepper = Stepper(recipe.optimiser, model.parameters(), recipe.steps, run.ranks)
    model.train()
    for step, drawn in enumerate(_batches(run), 1):
        for part in frozen:
            part.requires_grad_(step > recipe.thaw * recipe.steps)
        batch = run.ranks.share(drawn)
        loss, output = _forward(run, collate(batch), batch, step)
        stepper.step(loss)
        losses = {name: getattr(output, name).item() for name in ("loss", *LOSSES)}
        progress(step, recipe.steps, history.add(step, recipe.steps, losses))
        if run.ranks.first and (step % recipe.save_every == 0 or step == recipe.steps):
            save(run, step, history.seconds)


def _forward(
    run: Run, inputs: dict[str, Tensor], batch: Sequence[tuple[ImageFile, Sequence[Turn]]], step: int
) -> tuple[Tensor, GeoPixOutput]:
    model = run.model
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=run.recipe.precision == "bfloat16"):
        output: GeoPixOutput = model(**{name: value.to(model.device) for name, value in inputs.items()})
    if output.loss is None or not torch.isfinite(output.loss):
        images = ", ".join(image.id for image, _ in batch)
        raise NonFiniteLossError(
            f"step {step}: the loss is {output.loss}. Nothing was changed by this step. Its images: {images}. The last "
            f"checkpoint is {run.checkpoint}; lower optimiser.learning_rate, or look at these images."
        )
    return output.loss, output


class History:
    """The run's log: a JSON line with the mean losses every so many steps.

    Args:
        file: where the lines go.
        every: steps a line.
    """

    def __init__(self, file: TextIO, every: int) -> None:
        self._file = file
        self._every = every
        self._started = time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = 0

    @property
    def seconds(self) -> float:
        """Time since the log was opened."""
        return round(time.monotonic() - self._started, 1)

    def add(self, step: int, steps: int, losses: dict[str, float]) -> dict[str, float]:
        """Adds one step's losses, writes a line when it is time, and returns the means since the last one."""
        self._count += 1
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        means = {name: round(total / self._count, 5) for name, total in self._sums.items()}
        if step % self._every == 0 or step == steps:
            self._file.write(json.dumps({"step": step, "seconds": self.seconds, **means}) + "\n")
            self._file.flush()
            self._sums, self._count = {}, 0
        return means


def _collator(run: Run) -> Collator:
    config = run.model.config
    names = config.memory_class_names or ()
    pixels = run.processor.image_processor
    return Collator(
        processor=run.processor,
        pixels=BlankImages.like(pixels) if run.recipe.blank_images else pixels,
        classes={name: index for index, name in enumerate(names)},
        mask_size=4 * config.mask_feature_size,
        weigh=WEIGHTS[run.recipe.losses.ce_over],
        other_class=config.unknown_class if names else IGNORED,
    )


def _batches(run: Run) -> Iterator[list[tuple[ImageFile, list[Turn]]]]:
    """Yields the steps' images with their questions, drawn from the recipe's seed alone."""
    recipe = run.recipe
    random = np.random.default_rng(recipe.seed)
    stream = _stream(run.mixture, random)
    for _ in range(recipe.steps):
        drawn = [next(stream) for _ in range(recipe.images_per_step)]
        yield [(item.image, draw(item, recipe.questions_per_image, recipe.pairs, random)) for item in drawn]


def _stream(mixture: Sequence[Lesson], random: np.random.Generator) -> Iterator[Lesson]:
    """Yields images epoch by epoch, each as often in an epoch as its weight says (a fraction by chance)."""
    weights = np.array([lesson.weight for lesson in mixture])
    while True:
        times = np.floor(weights + random.random(len(weights))).astype(int)
        for index in random.permutation(np.repeat(np.arange(len(mixture)), times)):
            yield mixture[index]


def save(run: Run, step: int, seconds: float) -> None:
    """Writes the checkpoint beside its place and renames it, with what it must know of itself."""
    fresh = run.output / ".checkpoint.tmp"
    shutil.rmtree(fresh, ignore_errors=True)
    with quiet():
        run.model.save_pretrained(fresh)
    run.processor.save_pretrained(fresh)
    for path in fresh.iterdir():
        path.chmod(0o644)  # safetensors keeps its file from everybody else
    (fresh / TRAINING_FILE).write_text(json.dumps(_story(run, step, seconds), indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(run.output / FINGERPRINTS_FILE, fresh / FINGERPRINTS_FILE)
    shutil.rmtree(run.checkpoint, ignore_errors=True)
    fresh.rename(run.checkpoint)


def _story(run: Run, step: int, seconds: float) -> dict[str, object]:
    libraries = ("geopix", "torch", "transformers", "tokenizers", "numpy")
    return {
        "recipe": run.recipe.model_dump(mode="json", by_alias=True),
        "step": step,
        "seconds": round(seconds, 1),
        "images": len(run.mixture),
        "questions": sum(len(lesson.turns) for lesson in run.mixture),
        "weights": sum(parameter.numel() for parameter in run.model.parameters()),
        "processes": run.ranks.size,
        "threads": torch.get_num_threads(),
        "device": str(run.model.device),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in libraries},
    }
