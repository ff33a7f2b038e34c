"""Writes land-cover maps as LoveDA keeps its own: an image and a map of class numbers of the same name.

The layout is that of the published data (Wang et al., LoveDA, NeurIPS 2021 Datasets and Benchmarks):
`{Train,Val,Test}/{Urban,Rural}/{images_png,masks_png}/ID.png`. The numbers 1 to 7 mean what they mean there; Mini
Earth's further classes follow behind them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geopix.earth.picture import Picture
from geopix.earth.scene import Scene

FOLDER = "LoveDA"
SPLITS = {"train": "Train", "val": "Val", "test": "Test"}
RURAL_THEMES = ("coast", "river", "farm", "wild")

#: What each number of a map stands for; 0 is LoveDA's "no data".
CLASSES = (
    "no data", "background", "building", "road", "water", "soil", "forest", "farmland",
    "grass", "sand", "parking", "pavement", "ship", "airplane", "storage tank", "vehicle", "tennis court",
    "basketball court",
)  # fmt: skip
_NUMBER = {name: number for number, name in enumerate(CLASSES)}


class LoveDa:
    """LoveDA's layout."""

    def write_picture(self, root: Path, picture: Picture) -> None:
        """Writes image and map."""
        write_loveda(root, picture.split, picture.image_id, picture.scene)

    def samples(self, row: None) -> int:
        """Counts the map."""
        return 1

    def write_tables(self, root: Path, rows: Sequence[tuple[str, None]]) -> None:
        """LoveDA has no tables."""


def class_map(scene: Scene) -> NDArray[np.uint8]:
    """Returns a scene's map uint8[H, W] of `CLASSES`; what is neither a known cover nor an instance is background."""
    numbers = np.full(scene.image.shape[:2], _NUMBER["background"], dtype=np.uint8)
    for name, cover in scene.covers.items():
        numbers[cover] = _NUMBER[name]
    for instance in scene.instances:
        numbers[instance.mask] = _NUMBER[instance.category]
    return numbers


def rural_or_urban(scene: Scene) -> str:
    """Returns which of the two a place is, by its theme."""
    return "rural" if scene.theme in RURAL_THEMES else "urban"


def write_loveda(root: Path, split: str, image_id: int, scene: Scene) -> None:
    """Writes one scene's image and map."""
    kind = rural_or_urban(scene).capitalize()
    folder = root / FOLDER / SPLITS.get(split, split.capitalize()) / kind
    for name, pixels in (("images_png", scene.image), ("masks_png", class_map(scene))):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name / f"{image_id}.png", compress_level=1)
