"""Writes RefSegRS's and RISBench's files: a list of phrases a split, and for each phrase an image and its mask.

RefSegRS (Yuan et al., TGRS 2024) numbers its pictures, as TIFF in `images` and `masks`, and its phrases mean all
objects of a kind; RISBench (Dong et al., CroBIM, 2024) names them with their ending, in `img_rgb` and `mask`, and its
sentences mean one object.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geopix.earth import facts, phrases
from geopix.earth.picture import Picture, of_split
from geopix.earth.seeds import REASONING

MOST_PHRASES = 32  # numbers leave room for so many an image, so that more images never change one
Phrase = tuple[str, NDArray[np.bool_]]


class RefSegRs:
    """RefSegRS's layout."""

    def write_picture(self, root: Path, picture: Picture) -> list[str]:
        """Writes an image and a mask for each phrase; returns the list's lines."""
        folder, found = root / "RefSegRS", []
        for position, (phrase, mask) in enumerate(_kinds(picture)):
            number = picture.image_id * MOST_PHRASES + position
            _write(folder / "images" / f"{number}.tif", picture.scene.image)
            _write(folder / "masks" / f"{number}.tif", mask.astype(np.uint8) * 255)
            found.append(f"{number} {phrase}")
        return found

    def samples(self, row: list[str]) -> int:
        """Counts the phrases."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[str]]]) -> None:
        """Writes `output_phrase_{split}.txt`."""
        _write_lists(root / "RefSegRS", rows)


class RisBench:
    """RISBench's layout, as far as third parties' loaders tell it."""

    def write_picture(self, root: Path, picture: Picture) -> list[str]:
        """Writes an image and a mask for each sentence; returns the list's lines."""
        folder, found = root / "RISBench", []
        for position, reference in enumerate(picture.references[:MOST_PHRASES]):
            name = f"{picture.image_id:05d}_{position}.png"
            _write(folder / "img_rgb" / name, picture.scene.image)
            _write(folder / "mask" / name, picture.scene.instances[reference.instance].mask.astype(np.uint8) * 255)
            found.append(f"{name} {reference.expression}")
        return found

    def samples(self, row: list[str]) -> int:
        """Counts the sentences."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[str]]]) -> None:
        """Writes `output_phrase_{split}.txt`."""
        _write_lists(root / "RISBench", rows)


def _kinds(picture: Picture) -> Iterator[Phrase]:
    """All things of a kind, or of a kind and colour, where the scene leaves no doubt about them."""
    scene, rng = picture.scene, picture.random(REASONING)
    for category in dict.fromkeys(instance.category for instance in scene.instances):
        if facts.count(scene, category) is None:
            continue
        yield phrases.plural(category), facts.category_mask(scene, category)
        colors = sorted({instance.color for instance in scene.instances if instance.category == category})
        if len(colors) > 1:
            color = str(rng.choice(colors))
            mine = [each.mask for each in scene.instances if (each.category, each.color) == (category, color)]
            yield f"{color} {phrases.plural(category)}", np.logical_or.reduce(mine)


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _write_lists(folder: Path, rows: Sequence[tuple[str, list[str]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, images in of_split(rows).items():
        lines = [line for own in images for line in own]
        (folder / f"output_phrase_{split}.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
