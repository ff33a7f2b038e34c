"""Teaches a fresh vision tower what is where, from land-cover maps, before it has words to serve.

A 7B GeoPix starts from a CLIP that has seen 400 million pictures. No CLIP of the mini's size exists, so its tower
learns from dense maps first: linear heads, thrown away afterwards, read the class of each sixteenth of a patch from
the features that the language model and the mask decoder will see.

Letters in shapes: B images, K classes, g the patch grid's side.
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


def train_tower(
    model: GeoPixForConditionalGeneration,
    *,
    pixels: GeoPixImageProcessor,
    recipe: Recipe,
    settings: Tower,
    data_dir: Path,
    ranks: Ranks,
) -> Iterator[dict[str, float]]:
    """Trains the vision tower; yields each step's loss and share of right cells.

    Raises:
        MissingDataError: the maps are not below the data directory.
        DataError: a map has a class number beyond the recipe's.
    """
    random = np.random.default_rng(recipe.seed)
    side = FINER * round(model.config.num_image_tokens**0.5)
    maps = Maps(find_maps(below(data_dir, settings.maps)), pixels, side, settings.classes)
    levels = len(model.config.mask_feature_layers)
    heads = MapHeads([model.config.vision_config.hidden_size] * (1 + levels), settings.classes)
    trained = [*model.vision_tower.parameters(), *heads.parameters()]
    stepper = Stepper(settings.optimiser, trained, settings.steps, ranks)
    model.train()
    for _ in range(settings.steps):
        drawn = random.integers(len(maps.files), size=settings.images_per_step).tolist()
        images, classes = maps.batch(ranks.share(drawn), random)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            readings = heads(grids(model.vision_tower(images)))
        losses = [functional.cross_entropy(reading.float(), classes, ignore_index=NO_DATA) for reading in readings]
        loss = torch.stack(losses).mean()
        stepper.step(loss)
        right = (readings[0].argmax(dim=1) == classes).float().mean()
        yield {"tower_loss": loss.item(), "tower_right": right.item()}


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
