"""Teaches a fresh vision tower what is where and what it is called, from land-cover maps.

A 7B GeoPix starts from a CLIP that has seen 400 million pictures with their words. No CLIP of the mini's size exists,
so its tower learns from dense maps first, read in two ways: linear heads, thrown away afterwards, name the class of
each sixteenth of a patch from the features of tower and levels; and the projector turns each patch towards the language
model's own embedding of the words for its class and its colour, which is what LLaVA's first stage does with captions.

Letters in shapes: B images, K classes, g the patch grid's side, P patches, D the language model's width.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional

from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from geopix.training.maps import NO_DATA, Maps, find_maps
from geopix.training.optimisation import ONLY, build_optimiser, build_schedule
from geopix.training.schema import Recipe, Tower
from geopix.vision import VisionFeatures
from harness.paths import below

FINER = 4  # cells of the map a patch's side
SMALLEST = 1 / 8  # of a patch: what covers less does not name it


class MapHeads(nn.Module):
    """Linear readings of the class map from each kind of feature; used for teaching alone.

    Args:
        widths: the channels of each kind of feature.
        classes: K.
    """

    def __init__(self, widths: list[int], classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(width, classes * FINER**2, 1) for width in widths)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """float[B, C, g, g] each -> float[B, K, 4g, 4g] each."""
        return [
            functional.pixel_shuffle(head(feature), FINER) for head, feature in zip(self.heads, features, strict=True)
        ]


def grids(vision: VisionFeatures) -> list[Tensor]:
    """Returns the language model's features and those of each level as grids float[B, C, g, g]."""
    side = round(vision.language.shape[1] ** 0.5)
    language = vision.language.transpose(1, 2).reshape(len(vision.language), -1, side, side)
    return [language, *vision.levels]


class WordReader:
    """Reads a patch's class from how near its projection is to each class's words in the language model's embedding.

    Args:
        model: has the projector and the token embeddings, which both learn.
        processor: tokenises the words.
        words: for each class its words; the first and the last (singular and plural, say) are read apart.
    """

    SHARPNESS = 10.0  # logits per unit of cosine: enough for a softmax over some twenty classes

    def __init__(
        self, model: GeoPixForConditionalGeneration, processor: GeoPixProcessor, words: Sequence[Sequence[str]]
    ) -> None:
        self._model = model
        self._forms = [
            [
                processor.tokenizer.encode(f" {forms[end] if forms else 'nothing'}", add_special_tokens=False)
                for forms in words
            ]
            for end in (0, -1)
        ]

    def __call__(self, vision: VisionFeatures) -> list[Tensor]:
        """Returns class logits float[B, K, P] by each form of the words."""
        patches = functional.normalize(self._model.multi_modal_projector(vision.language).float(), dim=-1)
        embedding = self._model.get_input_embeddings().state_dict(keep_vars=True)["weight"].float()
        readings = []
        for form in self._forms:
            classes = torch.stack([embedding[tokens].mean(dim=0) for tokens in form])
            cosines = patches @ functional.normalize(classes, dim=-1).T
            readings.append(self.SHARPNESS * cosines.transpose(1, 2))
        return readings


class TowerLesson(nn.Module):
    """All that learns in the tower's step, and its losses, as one module.

    Args:
        model: lends its tower, projector and token embeddings.
        processor: tokenises the words.
        settings: classes, words and colours.
        rarity: float[K], larger for rarer classes.
    """

    palette: Tensor
    rarity: Tensor

    def __init__(
        self, model: GeoPixForConditionalGeneration, processor: GeoPixProcessor, settings: Tower, rarity: Tensor
    ) -> None:
        super().__init__()
        classes = len(settings.words)
        self.tower = model.vision_tower
        self.projector = model.multi_modal_projector
        self.embeddings = model.get_input_embeddings()
        self.heads = MapHeads([model.config.vision_config.hidden_size] * (1 + model.config.num_levels), classes)
        self._words = WordReader(model, processor, settings.words)
        self._colours = WordReader(model, processor, [[name] for name in settings.colours])
        self.register_buffer("palette", torch.tensor(list(settings.colours.values())).reshape(-1, 3) / 255)
        self.register_buffer("rarity", rarity)

    def named_parts(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yields each parameter with the part that the optimiser knows it by."""
        for name, parameter in self.named_parameters():
            yield "embeddings" if name.startswith(("embeddings.", "heads.")) else ONLY, parameter

    def forward(self, images: Tensor, cells: Tensor, colours: Tensor) -> dict[str, Tensor]:
        """Returns the losses, `.._loss`, and the shares that were read right, `.._right`: float[] each.

        Args:
            images: float[B, 3, S, S], as the tower reads them.
            cells: int64[B, 4g, 4g] class numbers.
            colours: float[B, 3, 4g, 4g], 0 to 1.
        """
        vision = self.tower(images)
        readings = self.heads(grids(vision))
        named = self._words(vision)
        blocks = most_prominent(cells, FINER, self.rarity)
        patches = blocks.flatten(1)
        values = {
            "tower_loss": mean_cross_entropy(readings, cells, ignored=NO_DATA),
            "word_loss": mean_cross_entropy(named, patches, ignored=NO_DATA),
        }
        if len(self.palette):
            shades = nearest_colour(mean_colour(colours, cells, blocks, FINER), self.palette)
            values["colour_loss"] = mean_cross_entropy(self._colours(vision), shades.flatten(1))
        return values | {"tower_right": right(readings[0], cells), "word_right": right(named[0], patches)}


def train_tower(
    model: GeoPixForConditionalGeneration,
    *,
    processor: GeoPixProcessor,
    recipe: Recipe,
    settings: Tower,
    data_dir: Path,
    accelerator: Accelerator,
) -> Iterator[dict[str, float]]:
    """Trains the vision tower, the projector and the word embeddings; yields each step's losses and right shares.

    Raises:
        MissingDataError: the maps are not below the data directory.
        DataError: a map has a class number beyond the recipe's.
    """
    random = np.random.default_rng(recipe.seed)
    grid = round(model.config.num_image_tokens**0.5)
    files = find_maps(below(data_dir, settings.maps))
    maps = Maps(files, processor.image_processor, FINER * grid, len(settings.words))
    bare = TowerLesson(model, processor, settings, maps.rarity())
    optimiser: Any = build_optimiser(settings.optimiser, bare.named_parts())
    schedule: Any = build_schedule(settings.optimiser, optimiser, settings.steps)
    lesson, optimiser, schedule = accelerator.prepare(bare, optimiser, schedule)
    lesson.train()
    for _ in range(settings.steps):
        drawn = random.integers(len(maps.files), size=settings.images_per_step).tolist()
        own = drawn[accelerator.process_index :: accelerator.num_processes]
        values = lesson(*(tensor.to(accelerator.device) for tensor in maps.batch(own, random)))
        losses = [value for name, value in values.items() if name.endswith("_loss")]
        accelerator.backward(torch.stack(losses).sum() * accelerator.gradient_accumulation_steps)
        accelerator.clip_grad_norm_(lesson.parameters(), settings.optimiser.clip)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        yield {name: value.item() for name, value in values.items()}
    accelerator.free_memory()


def mean_cross_entropy(readings: list[Tensor], classes: Tensor, ignored: int = -100) -> Tensor:
    """Returns the mean over several readings, float[B, K, ...] logits each, of their cross-entropy: float[].

    Args:
        readings: the logits.
        classes: int64[B, ...].
        ignored: the class number of what is not known.
    """
    losses = [functional.cross_entropy(logits.float(), classes, ignore_index=ignored) for logits in readings]
    return torch.stack(losses).mean()


def right(logits: Tensor, classes: Tensor) -> Tensor:
    """Returns the share of float[B, K, ...] logits that are highest at the class int64[B, ...]: float[]."""
    return (logits.argmax(dim=1) == classes).float().mean()


def most_prominent(cells: Tensor, finer: int, rarity: Tensor) -> Tensor:
    """Returns what names each block of finer x finer cells: of the classes that cover a fair part of it, the rarest.

    So a car names its patch, although most of the patch is road.

    Args:
        cells: int64[B, finer * g, finer * g] class numbers.
        finer: cells a block's side.
        rarity: float[K], larger for rarer classes.

    Returns:
        int64[B, g, g].

    >>> most_prominent(torch.tensor([[[1, 2], [2, 2]]]), 2, torch.tensor([1.0, 3.0, 2.0])).tolist()
    [[[1]]]
    """
    shares = functional.avg_pool2d(functional.one_hot(cells, len(rarity)).float().movedim(-1, 1), finer)
    return ((shares >= SMALLEST) * rarity[:, None, None]).argmax(dim=1)


def mean_colour(colours: Tensor, cells: Tensor, patches: Tensor, finer: int) -> Tensor:
    """Returns the mean colour of those cells of each block that have the block's class.

    Args:
        colours: float[B, 3, finer * g, finer * g] of the cells, 0 to 1.
        cells: int64[B, finer * g, finer * g] class numbers.
        patches: int64[B, g, g], the blocks' classes.
        finer: cells a block's side.

    Returns:
        float[B, 3, g, g].
    """
    own = (cells == patches.repeat_interleave(finer, 1).repeat_interleave(finer, 2)).float()[:, None]
    return functional.avg_pool2d(colours * own, finer) / functional.avg_pool2d(own, finer).clamp(min=1e-6)


def nearest_colour(colours: Tensor, palette: Tensor) -> Tensor:
    """Returns the nearest of the palette's colours: float[B, 3, g, g], float[N, 3] -> int64[B, g, g].

    >>> nearest_colour(torch.tensor([0.9, 0.1, 0.2]).reshape(1, 3, 1, 1), torch.eye(3)).tolist()
    [[[0]]]
    """
    return torch.cdist(colours.movedim(1, -1), palette).argmin(dim=-1)
