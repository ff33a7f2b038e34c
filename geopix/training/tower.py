"""Teaches a fresh vision tower what is where and what it is called, from land-cover maps.

A 7B GeoPix starts from a CLIP that has seen 400 million pictures with their words. No CLIP of the mini's size exists,
so its tower learns from dense maps first, read in two ways: linear heads, thrown away afterwards, name the class of
each sixteenth of a patch from the features of tower and levels; and the projector turns each patch towards the language
model's own embedding of its class's words, which is what LLaVA's first stage does with captions.

Letters in shapes: B images, K classes, g the patch grid's side, P patches, D the language model's width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from geopix.training.optimisation import Stepper
from geopix.training.ranks import Ranks
from geopix.training.recipe import Recipe, Tower
from geopix.vision import VisionFeatures
from harness.errors import DataError, MissingDataError
from harness.paths import below

FINER = 4  # cells of the map a patch's side
NO_DATA = 0


@dataclass(frozen=True)
class MapFiles:
    """An image and the map of its classes.

    Attributes:
        image: the picture.
        classes: uint8 image of class numbers, of the same size; 0 is not known.
    """

    image: Path
    classes: Path


def find_maps(folder: Path) -> list[MapFiles]:
    """Returns the images of a LoveDA split's folder that have a map, in the order of their names.

    Raises:
        MissingDataError: there is none.
    """
    found = [
        MapFiles(image, image.parent.parent / "masks_png" / image.name)
        for image in sorted(folder.glob("*/images_png/*.png"))
    ]
    pairs = [pair for pair in found if pair.classes.exists()]
    if not pairs:
        raise MissingDataError(
            f"{folder.resolve()} has no land-cover maps: expected */images_png/NAME.png and */masks_png/NAME.png, as "
            "`geopix earth make .. --formats loveda` writes them."
        )
    return pairs


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


def train_tower(
    model: GeoPixForConditionalGeneration,
    *,
    processor: GeoPixProcessor,
    recipe: Recipe,
    settings: Tower,
    data_dir: Path,
    ranks: Ranks,
) -> Iterator[dict[str, float]]:
    """Trains the vision tower, the projector and the word embeddings; yields each step's losses and right shares.

    Raises:
        MissingDataError: the maps are not below the data directory.
        DataError: a map has a class number beyond the recipe's.
    """
    random = np.random.default_rng(recipe.seed)
    classes = len(settings.words)
    grid = round(model.config.num_image_tokens**0.5)
    maps = Maps(find_maps(below(data_dir, settings.maps)), processor.image_processor, FINER * grid, classes)
    heads = MapHeads([model.config.vision_config.hidden_size] * (1 + model.config.num_levels), classes).to(model.device)
    words = WordReader(model, processor, settings.words)
    embeddings = model.get_input_embeddings()
    parts = (model.vision_tower, model.multi_modal_projector, embeddings, heads)
    trained = [parameter for part in parts for parameter in part.parameters()]
    stepper = Stepper(settings.optimiser, trained, settings.steps, ranks)
    model.train()
    for _ in range(settings.steps):
        drawn = random.integers(len(maps.files), size=settings.images_per_step).tolist()
        images, cells = (values.to(model.device) for values in maps.batch(ranks.share(drawn), random))
        with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            vision = model.vision_tower(images)
            readings = heads(grids(vision))
            named = words(vision)
        patches = most_common(cells, FINER, classes).flatten(1)
        seen = torch.stack([cross_entropy(reading, cells) for reading in readings]).mean()
        said = torch.stack([cross_entropy(reading, patches) for reading in named]).mean()
        stepper.step(seen + said)
        yield {
            "tower_loss": seen.item(),
            "word_loss": said.item(),
            "tower_right": (readings[0].argmax(dim=1) == cells).float().mean().item(),
            "word_right": (named[0].argmax(dim=1) == patches).float().mean().item(),
        }


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Returns the mean cross-entropy of float[B, K, ...] logits where the class int64[B, ...] is known."""
    return functional.cross_entropy(logits.float(), classes, ignore_index=NO_DATA)


def most_common(cells: Tensor, finer: int, classes: int) -> Tensor:
    """Returns the commonest class of each block of finer x finer cells: int64[B, 4g, 4g] -> int64[B, g, g].

    >>> most_common(torch.tensor([[[1, 2], [2, 2]]]), 2, 3).tolist()
    [[[2]]]
    """
    counts = functional.one_hot(cells, classes).float().movedim(-1, 1)
    return functional.avg_pool2d(counts, finer).argmax(dim=1)


class Maps:
    """Images and class maps, read once and turned and mirrored by chance each time they are drawn.

    Args:
        files: the images with their maps.
        pixels: makes the tower's pixels.
        side: cells of a class map a side.
        classes: K; a map with a larger number is refused.
    """

    def __init__(self, files: list[MapFiles], pixels: GeoPixImageProcessor, side: int, classes: int) -> None:
        self.files = files
        self._pixels = pixels
        self._side = side
        self._classes = classes
        self._read: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}

    def batch(self, indices: Sequence[int], random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Returns pixels float[B, 3, S, S] and class numbers int64[B, side, side].

        Raises:
            DataError: a map has a class number that is not expected.
        """
        pairs = [_turned(self._pair(index), random) for index in indices]
        pictures, cells = zip(*pairs, strict=True)
        return self._pixels(pictures)["pixel_values"], torch.from_numpy(np.stack(cells)).long()

    def _pair(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if index not in self._read:
            files = self.files[index]
            with Image.open(files.image) as image, Image.open(files.classes) as classes:
                cells = np.asarray(classes.resize((self._side, self._side), Image.Resampling.NEAREST))
                self._read[index] = np.asarray(image.convert("RGB")), cells
            if cells.max() >= self._classes:
                raise DataError(f"{files.classes}: class {cells.max()}; the recipe expects less than {self._classes}.")
        return self._read[index]


def _turned(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    turns, step = int(random.integers(4)), int(random.choice((-1, 1)))
    image, cells = (np.ascontiguousarray(np.rot90(values, turns)[:, ::step]) for values in pair)
    return image, cells
