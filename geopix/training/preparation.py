"""What is checked and built before the first step."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

from geopix.blind import BlankImages
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from geopix.training.bases.build import build_base, obstacles
from geopix.training.collator import IGNORED, Collator, each_answer, each_root, each_token
from geopix.training.drawing import Drawing
from geopix.training.examination import Examiner
from geopix.training.folder import claim
from geopix.training.machine import join_processes
from geopix.training.maps import find_maps
from geopix.training.mixture import DataSet, Mixture, raise_all, read_mixture, texts
from geopix.training.packing import by_number
from geopix.training.parts import choose_attention, modules_named, settle
from geopix.training.schema import Recipe
from geopix.training.sources import changed_task, find_data
from harness.catalog import Catalogue
from harness.errors import EnvironmentProblem, GeoPixError
from harness.paths import below
from harness.plugins import Plugins
from harness.preparation import data_root

WEIGHTS = {"tokens": each_token, "answers": each_answer, "roots": each_root}


@dataclass(frozen=True)
class Run:
    """What a training run works on.

    Attributes:
        recipe: everything it depends on.
        model: the model.
        processor: its processor.
        mixture: the images and their questions.
        examiner: examines the model while it trains; None where the recipe does not say so.
        data_dir: the folder with the data sets.
        output: the folder of checkpoints, states and logs.
        accelerator: the processes and the device.
    """

    recipe: Recipe
    model: GeoPixForConditionalGeneration
    processor: GeoPixProcessor
    mixture: Mixture
    examiner: Examiner | None
    data_dir: Path
    output: Path
    accelerator: Accelerator


@dataclass(frozen=True)
class Sources:
    """What a recipe reads, found and checked, not yet read.

    Attributes:
        data_sets: the mixture's data sets.
        examiner: the evaluation in the run.
    """

    data_sets: tuple[DataSet, ...]
    examiner: Examiner | None


def find_sources(recipe: Recipe, data_dir: Path, output: Path, catalogue: Catalogue, plugins: Plugins) -> Sources:
    """Finds everything that a recipe names: base, data, maps, tasks.

    Raises:
        GeoPixError: something is missing or wrong; all of it.
    """
    problems: list[GeoPixError] = [EnvironmentProblem(problem) for problem in obstacles(recipe.base)]
    data_sets: list[DataSet] = []
    examiner: Examiner | None = None
    try:
        data_sets = find_data(
            recipe.data, data_dir, catalogue, plugins, on_defect=recipe.defects.sample, seed=recipe.seed
        )
    except GeoPixError as error:
        problems.append(error)
    try:
        if recipe.tower is not None:
            find_maps(below(data_dir, recipe.tower.maps))
    except GeoPixError as error:
        problems.append(error)
    try:
        examiner = _examiner(recipe, data_dir, output, catalogue, plugins)
    except GeoPixError as error:
        problems.append(error)
    raise_all(problems)
    return Sources(tuple(data_sets), examiner)


def _examiner(recipe: Recipe, data_dir: Path, output: Path, catalogue: Catalogue, plugins: Plugins) -> Examiner | None:
    if recipe.evaluation is None:
        return None
    tasks = [changed_task(each.task, each.dataset, catalogue, plugins) for each in recipe.evaluation.tasks]
    for task in tasks:
        data_root(task, data_dir)
    return Examiner(recipe, recipe.evaluation, tasks, data_dir, output)


def prepare(recipe: Recipe, data_dir: Path, output: Path, catalogue: Catalogue, plugins: Plugins) -> Run:
    """Reads the data and builds the model; nothing is trained yet.

    Raises:
        GeoPixError: the recipe, the data or the checkpoint is wrong; says what to do.
    """
    sources = find_sources(recipe, data_dir, output, catalogue, plugins)
    accelerator = join_processes(recipe, output)
    mixture = packed(recipe, read_mixture(sources.data_sets))
    with accelerator.main_process_first():
        claim(output, recipe, mixture)
    torch.manual_seed(recipe.seed)
    model, processor = build_base(recipe, lambda: texts(mixture.lessons))
    choose_attention(model, recipe)
    settle(model, recipe, one_type=accelerator.distributed_type == DistributedType.FSDP)
    modules_named(model, recipe.frozen, key="frozen")
    return Run(recipe, model, processor, mixture, sources.examiner, data_dir, output, accelerator)


def packed(recipe: Recipe, mixture: Mixture) -> Mixture:
    """Returns the mixture with what is asked about the same picture put together, where the recipe wants it."""
    return replace(mixture, lessons=by_number(mixture.lessons)) if recipe.same_picture == "number" else mixture


def drawing_of(recipe: Recipe, mixture: Mixture) -> Drawing:
    """Returns what draws a recipe's lessons and questions."""
    return Drawing(mixture.lessons, recipe.questions_per_image, recipe.pairs, recipe.seed)


def collator_for(recipe: Recipe, config: Any, processor: GeoPixProcessor) -> Collator:
    """Returns what makes a recipe's batches."""
    names = config.memory_class_names or ()
    pixels = processor.image_processor
    return Collator(
        processor=processor,
        pixels=BlankImages.like(pixels) if recipe.blank_images else pixels,
        classes={name: index for index, name in enumerate(names)},
        mask_size=4 * config.mask_feature_size,
        weigh=WEIGHTS[recipe.losses.ce_over],
        other_class=config.unknown_class if names else IGNORED,
    )
