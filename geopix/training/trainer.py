"""The training loop: draws images, packs their questions, steps, logs, saves."""

import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from geopix.blind import BlankImages
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration, GeoPixOutput
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.sizes import mini
from geopix.training.collator import Collator
from geopix.training.mixture import Lesson, Turn, draw, lessons, texts
from geopix.training.ranks import Ranks
from geopix.training.recipe import Base, Recipe
from harness.catalog import Catalogue
from harness.errors import ConfigurationError, GeoPixError
from harness.plugins import Plugins
from harness.records import ImageFile

LOSSES = ("ce_loss", "bce_loss", "dice_loss", "class_loss")
HISTORY_FILE = "history.jsonl"
TRAINING_FILE = "training.json"

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
        output: the folder of checkpoints and logs.
        ranks: this process among those that train together.
    """

    recipe: Recipe
    model: GeoPixForConditionalGeneration
    processor: GeoPixProcessor
    mixture: Sequence[Lesson]
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
    mixture = lessons(recipe.data, data_dir, catalogue, plugins)
    torch.manual_seed(recipe.seed)
    model, processor = _base(recipe.base, mixture, recipe)
    return Run(recipe, model, processor, mixture, output, Ranks.join())


def _base(
    base: Base, mixture: Sequence[Lesson], recipe: Recipe
) -> tuple[GeoPixForConditionalGeneration, GeoPixProcessor]:
    if (base.checkpoint is None) == (base.size is None):
        raise ConfigurationError("base: give either `checkpoint` or `size`.")
    if base.checkpoint is not None:
        model = GeoPixForConditionalGeneration.from_pretrained(base.checkpoint)
        return model, GeoPixProcessor.from_pretrained(base.checkpoint)
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
    return GeoPixForConditionalGeneration(config), processor


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
    recipe, model = run.recipe, run.model
    run.output.mkdir(parents=True, exist_ok=True)
    collate = _collator(run)
    optimiser = _optimiser(recipe, model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, recipe))
    means = Means()
    model.train()
    started = time.monotonic()
    log = run.output / HISTORY_FILE if run.ranks.first else Path(os.devnull)
    with log.open("w", encoding="utf-8") as history:
        for step, drawn in enumerate(_batches(run), 1):
            batch = run.ranks.share(drawn)
            output = _step(run, collate(batch), batch, optimiser, step)
            schedule.step()
            means.add(output)
            progress(step, recipe.steps, means.current())
            if not run.ranks.first:
                continue
            if step % recipe.log_every == 0 or step == recipe.steps:
                row = {"step": step, "seconds": round(time.monotonic() - started, 1), **means.take()}
                history.write(json.dumps(row) + "\n")
                history.flush()
            if step % recipe.save_every == 0 or step == recipe.steps:
                save(run, step, time.monotonic() - started)
    run.ranks.leave()
    return run.checkpoint


def _step(
    run: Run,
    inputs: dict[str, Tensor],
    batch: Sequence[tuple[ImageFile, Sequence[Turn]]],
    optimiser: torch.optim.Optimizer,
    step: int,
) -> GeoPixOutput:
    model, recipe = run.model, run.recipe
    lower = recipe.precision == "bfloat16"
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=lower):
        output: GeoPixOutput = model(**{name: value.to(model.device) for name, value in inputs.items()})
    if output.loss is None or not torch.isfinite(output.loss):
        images = ", ".join(image.id for image, _ in batch)
        raise NonFiniteLossError(
            f"step {step}: the loss is {output.loss}. Nothing was changed by this step. Its images: {images}. The last "
            f"checkpoint is {run.checkpoint}; lower optimiser.learning_rate, or look at these images."
        )
    optimiser.zero_grad(set_to_none=True)
    output.loss.backward()  # type: ignore[no-untyped-call]
    run.ranks.average_gradients(model.parameters())
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.optimiser.clip)
    optimiser.step()
    return output


class Means:
    """Running means of the loss components since the last line of the log."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, output: GeoPixOutput) -> None:
        """Adds one step's losses."""
        self._count += 1
        for name in ("loss", *LOSSES):
            self._sums[name] = self._sums.get(name, 0.0) + getattr(output, name).item()

    def current(self) -> dict[str, float]:
        """Returns the means so far."""
        return {name: round(total / self._count, 5) for name, total in self._sums.items()}

    def take(self) -> dict[str, float]:
        """Returns the means and starts anew."""
        means = self.current()
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
    )


def _optimiser(recipe: Recipe, model: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW; vectors (biases, norms, scales) are not decayed."""
    settings = recipe.optimiser
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas)


def _rate(step: int, recipe: Recipe) -> float:
    warmup = max(1, round(recipe.optimiser.warmup_share * recipe.steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, recipe.steps - warmup)))


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
    run.model.save_pretrained(fresh)
    run.processor.save_pretrained(fresh)
    (fresh / TRAINING_FILE).write_text(json.dumps(_story(run, step, seconds), indent=2) + "\n", encoding="utf-8")
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
