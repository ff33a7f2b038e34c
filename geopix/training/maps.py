"""Images with maps of what is where in them, in LoveDA's layout.

Letters in shapes: B images, S the model's side, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from geopix.image_processing import GeoPixImageProcessor
from harness.errors import DataError, MissingDataError

COUNTED = 300  # maps from which the classes' frequencies are taken
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

    def rarity(self) -> Tensor:
        """Returns one over each class's share of the first maps: float32[K]; 0 for what is not known or not seen."""
        counts = np.zeros(self._classes)
        for index in range(min(COUNTED, len(self.files))):
            counts += np.bincount(self._pair(index)[1].ravel(), minlength=self._classes)
        counts[NO_DATA] = 0
        shares = counts / max(1.0, counts.sum())
        return torch.from_numpy(np.divide(1.0, shares, out=np.zeros_like(shares), where=shares > 0)).float()

    def batch(self, indices: Sequence[int], random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Returns pixels float[B, 3, S, S], class numbers int64[B, side, side] and colours float[B, 3, side, side].

        Raises:
            DataError: a map has a class number that is not expected.
        """
        pairs = [_turned(self._pair(index), random) for index in indices]
        pictures, cells = zip(*pairs, strict=True)
        colours = functional.adaptive_avg_pool2d(
            torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255, self._side
        )
        return self._pixels(pictures)["pixel_values"], torch.from_numpy(np.stack(cells)).long(), colours

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
