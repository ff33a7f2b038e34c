"""A few tiles of each split with their masks drawn, to look at before anything is trained."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from geopix.drawing import draw
from geopix.own_data.records import Tile
from geopix.own_data.tables import IMAGES
from harness.masks import decode

PREVIEWS, A_SPLIT = "previews", 8


def write_previews(folder: Path, tiles: Sequence[Tile]) -> None:
    """Writes `previews/{split}_{image}`: the first tiles of each split that show something.

    Args:
        folder: the data set's folder, with its images.
        tiles: its tiles.
    """
    (folder / PREVIEWS).mkdir()
    written: Counter[str] = Counter()
    for tile in tiles:
        split = tile.spot.place.split
        if tile.truth.targets and written[split] < A_SPLIT:
            written[split] += 1
            with Image.open(folder / IMAGES / tile.image) as picture:
                masks = [((0, 0), decode(target.mask)) for target in tile.truth.targets]
                draw(picture.convert("RGB"), masks, ()).save(folder / PREVIEWS / f"{split}_{tile.image}", "PNG")
