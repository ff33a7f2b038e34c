"""Writes GeoPixelD's files: for each image a PNG and a JSON file with a grounded caption and its polygons.

The keys are those of the published sample (Shabbir et al., GeoPixel, ICML 2025; mbzuai-oryx/GeoPixel@356b56a).
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geopix.earth.phrases import article
from geopix.earth.picture import Picture
from geopix.earth.scene import Scene
from geopix.earth.seeds import CAPTIONS

FOLDER = "GeoPixelD"
MOST_OBJECTS = 8
OPENINGS = (
    "This drawn scene was looked at from straight above.",
    "From above the place is seen whole.",
    "The image is an aerial view.",
)
SENTENCES = (
    "There is {a} {color} <p> {name} </p> [SEG] of {size} size {where}.",
    "{where} lies {a} {color} <p> {name} </p> [SEG], {size} for its kind.",
)


class GeoPixelD:
    """GeoPixelD's layout."""

    def write_picture(self, root: Path, picture: Picture) -> int:
        """Writes the image and its annotation; returns how many captions that are."""
        if not picture.scene.instances:
            return 0
        folder = root / FOLDER / picture.split
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"E{picture.image_id:05d}_0_{picture.size}_0_{picture.size}"
        Image.fromarray(picture.scene.image).save(folder / f"{stem}.png", compress_level=1)
        shown = picture.scene.instances[:MOST_OBJECTS]
        content = {
            "id": picture.image_id,
            "img": f"data/{FOLDER}/{picture.split}/{stem}.png",
            "gcg_description": _caption(picture.scene, picture),
            "polygons": [_rows(instance.mask) for instance in shown],
        }
        (folder / f"{stem}.json").write_text(json.dumps(content), "utf-8")
        return 1

    def samples(self, row: int) -> int:
        """Counts the captions."""
        return row

    def write_tables(self, root: Path, rows: Sequence[tuple[str, int]]) -> None:
        """What a reader needs stands beside the images."""


def _rows(mask: NDArray[np.bool_]) -> list[list[list[int]]]:
    """A mask as polygons of two corners, one a run of pixels in a row: filled by OpenCV's rules they are the mask."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1).tolist(), np.argwhere(edges == -1).tolist()
    return [[[x0, y], [x1 - 1, y]] for (y, x0), (_, x1) in zip(starts, ends, strict=True)]


def _caption(scene: Scene, picture: Picture) -> str:
    rng = picture.random(CAPTIONS)
    seen: Counter[str] = Counter()
    sentences = [OPENINGS[int(rng.integers(len(OPENINGS)))]]
    for instance in scene.instances[:MOST_OBJECTS]:
        seen[instance.category] += 1
        sentence = SENTENCES[int(rng.integers(len(SENTENCES)))].format(
            a=article(instance.color),
            color=instance.color,
            name=f"{instance.category}-{seen[instance.category]}",
            size=instance.size_word,
            where=_where(instance.centre),
        )
        sentences.append(sentence[0].upper() + sentence[1:])
    return " ".join(sentences)


def _where(centre: tuple[float, float]) -> str:
    """A place in words, by thirds of the picture."""
    across, down = (int(3 * min(at, 0.999)) for at in centre)
    return f"{('at the top', 'halfway down', 'at the bottom')[down]}, {('left', 'in the middle', 'right')[across]}"
