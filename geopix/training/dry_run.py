"""`geopix train RECIPE --dry-run`: checks everything, reads two batches, and says what a run would take."""

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import mean

import torch

from geopix.configuration import GeoPixConfig
from geopix.training.augmentation.conversations import changed_turns
from geopix.training.bases.build import build_processor, obstacles, sketch_base
from geopix.training.drawing import Choice
from geopix.training.examples import Examples
from geopix.training.memory import Load, PartWeights, activations, on_meta, weigh
from geopix.training.mixture import Mixture, read_mixture, texts
from geopix.training.preparation import collator_for, drawing_of, find_sources, packed
from geopix.training.samples import missing_images
from geopix.training.schema import Recipe
from geopix.training.sources import find_data
from geopix.training.turns import Turn
from harness.catalog import Catalogue
from harness.errors import EnvironmentProblem, GeoPixError
from harness.plugins import Plugins

BATCHES = 2
CONVERSATIONS = 2
QUESTIONS = 3  # of a conversation that are shown
WIDTH = 100
TOKENS_A_QUESTION, ANSWERS_A_QUESTION = 40, 8  # where no batch can be made to count them


@dataclass
class Plan:
    """What a run would do and take.

    Attributes:
        recipe: the recipe.
        processes: how many would train together.
        parts: the model's parts; empty where nothing at hand tells the sizes.
        mixture: the data; None where some of it is missing.
        drawn: what is drawn for the run's first two places; none where data is missing.
        load: what one process works on at once.
        counted: whether the load was counted in batches that were read, or is an estimate.
        activations: bytes kept for the backward pass.
        free: bytes free where the run's folder would be.
        problems: what is missing or wrong, each with what to do.
    """

    recipe: Recipe
    processes: int = 1
    parts: list[PartWeights] = field(default_factory=list)
    mixture: Mixture | None = None
    drawn: tuple[Choice, ...] = ()
    load: Load | None = None
    counted: bool = False
    activations: int = 0
    free: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def disk(self) -> int:
        """Bytes that a run writes: the states that are kept and one more, and two whole checkpoints at a time."""
        learnt = sum(4 * part.learning + part.optimiser for part in self.parts)
        return (self.recipe.keep + 1) * learnt + 2 * sum(part.weights for part in self.parts)


def plan(
    recipe: Recipe, data_dir: Path, output: Path, catalogue: Catalogue, plugins: Plugins, *, processes: int = 1
) -> Plan:
    """Checks a recipe against this machine; what is missing is among the plan's problems.

    Args:
        recipe: the recipe.
        data_dir: the folder with the data sets.
        output: where the run would be.
        catalogue: finds tasks.
        plugins: readers and parsers.
        processes: how many would train together.
    """
    made = Plan(recipe, processes, free=shutil.disk_usage(_existing(output)).free)
    for find in (
        lambda: find_sources(recipe, data_dir, output, catalogue, plugins),
        lambda: _read(made, data_dir, catalogue, plugins),
        lambda: _weigh(made),
    ):
        try:
            find()
        except GeoPixError as error:
            made.problems.extend(re.split(r"\n(?! )", str(error)))
    if made.parts and made.free < made.disk:
        made.problems.append(
            f"{output} has {_bytes(made.free)} free, and the run writes about {_bytes(made.disk)}. Make room, name "
            "another folder with --output, or lower `keep`."
        )
    made.problems = list(dict.fromkeys(made.problems))
    return made


def _read(made: Plan, data_dir: Path, catalogue: Catalogue, plugins: Plugins) -> None:
    recipe = made.recipe
    data_sets = find_data(recipe.data, data_dir, catalogue, plugins, on_defect=recipe.defects.sample, seed=recipe.seed)
    made.mixture = packed(made.recipe, read_mixture(data_sets))
    drawing = drawing_of(recipe, made.mixture)
    made.drawn = tuple(drawing.at(place) for place in range(CONVERSATIONS))


def _weigh(made: Plan) -> None:
    recipe = made.recipe
    config = sketch_base(recipe)
    if config is None:
        return
    at_once = max(1, recipe.images_per_step // recipe.accumulate // made.processes)
    questions = recipe.questions_per_image
    made.load = Load(
        images=at_once,
        tokens=config.num_image_tokens + questions * TOKENS_A_QUESTION,
        answers=at_once * questions * ANSWERS_A_QUESTION,
        targets=at_once * questions // 2,
    )
    if made.mixture is not None and not obstacles(recipe.base):
        made.load, made.counted = _read_batches(recipe, made.mixture, config, at_once), True
    model = on_meta(config, recipe)
    made.parts = weigh(model, recipe.optimiser)
    dtype = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
    made.activations = activations(model, made.load, dtype)


def _read_batches(recipe: Recipe, mixture: Mixture, config: GeoPixConfig, at_once: int) -> Load:
    """Reads the run's first two batches as the run would, and counts what is in them.

    Raises:
        EnvironmentProblem: a sample cannot be used.
    """
    processor = build_processor(recipe, lambda: texts(mixture.lessons))
    collate = collator_for(recipe, config, processor)
    examples = Examples(drawing_of(recipe, mixture), recipe.defects, 0, BATCHES * at_once)
    batches = [collate([examples[place + at_once * batch] for place in range(at_once)]) for batch in range(BATCHES)]
    if problems := [problem for batch in batches for problem in batch["problems"]]:
        raise EnvironmentProblem("\n".join(problems))
    inputs = [batch["inputs"] for batch in batches]
    return Load(
        images=at_once,
        tokens=max(each["input_ids"].shape[1] for each in inputs),
        answers=ceil(mean(int((each["labels"] >= 0).sum()) for each in inputs)),
        targets=ceil(mean(len(each["target_masks"]) for each in inputs)),
    )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def render(made: Plan) -> str:
    """Returns a plan in words and tables."""
    purpose = " ".join(f"{made.recipe.name}: {made.recipe.purpose}".split())
    lines = [*textwrap.wrap(purpose, WIDTH), ""]
    lines += _part_table(made.parts) if made.parts else ["Parts: unknown, since the base is not at hand.", ""]
    lines += _amounts(made)
    if made.parts:
        lines += ["", *_memory(made)]
    lines += _conversations(made.drawn)
    return "\n".join(lines)


def _part_table(parts: Sequence[PartWeights]) -> list[str]:
    added = ("total", "learning", "weights", "optimiser")
    sums = PartWeights("all", *(sum(getattr(part, name) for part in parts) for name in added))
    rows = [["part", "parameters", "learning", "weights", "gradients", "optimiser"], *map(_cells, [*parts, sums])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]


def _cells(part: PartWeights) -> list[str]:
    sizes = (part.weights, part.gradients, part.optimiser)
    return [part.name, f"{part.total:,}", f"{part.learning:,}", *map(_bytes, sizes)]


def _amounts(made: Plan) -> list[str]:
    recipe, load = made.recipe, made.load
    lines = [
        "",
        f"steps       {recipe.steps:,} of {recipe.images_per_step} images, {recipe.accumulate} after each other, "
        f"{made.processes} process{'es' if made.processes > 1 else ''}",
    ]
    if made.mixture is None:
        return [*lines, "data        not all at hand, see below"]
    lessons = made.mixture.lessons
    epoch = sum(lesson.weight for lesson in lessons)
    drawn = recipe.steps * recipe.images_per_step
    questions = sum(len(lesson.turns) for lesson in lessons)
    lines.append(
        f"data        {len(lessons):,} images, {questions:,} questions; an epoch is {epoch:,.0f} images or "
        f"{epoch / recipe.images_per_step:,.0f} steps, the run {drawn / epoch:,.1f} epochs"
    )
    if left := made.mixture.skipped:
        lines.append(f"left out    {len(left):,} samples{missing_images(left)}; the first: {left[0].reason}")
    if load is not None:
        told = "counted in two batches" if made.counted else "an estimate"
        lines.append(
            f"tokens      {load.tokens:,} a row, {load.tokens * epoch:,.0f} an epoch; {load.answers:,} supervised and "
            f"{load.targets:,} masks at once ({told})"
        )
    return lines


def _conversations(drawn: Sequence[Choice]) -> list[str]:
    """What is drawn first, in words: the image, some of its questions with their answers, and the masks' classes."""
    lines = []
    for choice in drawn:
        turns = changed_turns(choice.turns, choice.change) or choice.turns
        more = len(turns) - QUESTIONS
        lines += ["", f"image {choice.lesson.image.id}, questions {len(turns)}", *_said(turns[:QUESTIONS])]
        lines += [f"  and {more} more"] if more > 0 else []
    return ["", "The first conversations:", *lines[1:]] if lines else []


def _said(turns: Sequence[Turn]) -> Iterator[str]:
    for exchange in (each for turn in turns for each in turn.exchanges):
        masks = ", ".join(name or "of no class" for name in exchange.classes)
        yield f"  [{exchange.capability}] {' '.join(exchange.question.split())}"
        yield f"    {' '.join(exchange.answer.split())}" + (f"    (masks: {masks})" if masks else "")


def _memory(made: Plan) -> list[str]:
    sums = {name: sum(getattr(part, name) for part in made.parts) for name in ("weights", "gradients", "optimiser")} | {
        "activations": made.activations
    }
    words = ", ".join(f"{name} {_bytes(value)}" for name, value in sums.items())
    return [
        f"memory      about {_bytes(sum(sums.values()))} a process: {words} (activations are an estimate)",
        f"disk        about {_bytes(made.disk)}, {_bytes(made.free)} free",
    ]


def _bytes(value: float) -> str:
    """A number of bytes in words.

    >>> _bytes(0), _bytes(2_500_000), _bytes(13.5e9)
    ('0 B', '2.5 MB', '13.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")
