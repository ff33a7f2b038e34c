"""Writes captions in the layout of Karpathy's splits: one JSON file for all splits, one picture an image.

UCM-Captions, Sydney-Captions, RSICD and RSITMD are published like this; they differ in the names of the files.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from geopix.earth.captions import captions
from geopix.earth.picture import Picture
from geopix.earth.seeds import SENTENCES

EACH = 5


@dataclass(frozen=True)
class CaptionedImage:
    """What a file of captions says of one image."""

    image_id: int
    name: str
    scene: str
    split: str
    sentences: tuple[str, ...]


def captioned(picture: Picture, name: str) -> CaptionedImage:
    """Returns a picture's five captions; all layouts say the same of one picture."""
    sentences = captions(picture.scene, picture.random(SENTENCES), EACH)
    return CaptionedImage(picture.image_id, name, picture.scene.theme, picture.split, sentences)


def write_picture_file(path: Path, picture: Picture) -> None:
    """Writes a picture in the format of its name's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, dict[str, Any]] = {
        ".jpg": {"quality": 94, "subsampling": 0},
        ".tif": {"compression": "tiff_lzw"},
    }
    Image.fromarray(picture.scene.image).save(path, **options.get(path.suffix, {}))


@dataclass(frozen=True)
class Karpathy:
    """One data set in the layout of Karpathy's splits.

    Attributes:
        folder: The data set's folder.
        file: The file of captions in it.
        images: The folder of the images in it.
        ending: Of the images' names.
    """

    folder: str
    file: str
    images: str
    ending: str

    def write_picture(self, root: Path, picture: Picture) -> CaptionedImage:
        """Writes the image."""
        name = f"{picture.image_id}.{self.ending}"
        write_picture_file(root / self.folder / self.images / name, picture)
        return captioned(picture, name)

    def samples(self, row: CaptionedImage) -> int:
        """Counts the image."""
        return 1

    def write_tables(self, root: Path, rows: Sequence[tuple[str, CaptionedImage]]) -> None:
        """Writes all splits' captions."""
        content = {"images": [_image(row) for _, row in rows], "dataset": self.folder}
        (root / self.folder / self.file).write_text(json.dumps(content), "utf-8")


def _image(row: CaptionedImage) -> dict[str, Any]:
    number = row.image_id - 1
    sentences = [
        {"tokens": words(text), "raw": f"{text.removesuffix('.')} .", "imgid": number, "sentid": number * EACH + place}
        for place, text in enumerate(row.sentences)
    ]
    return {
        "filename": row.name,
        "imgid": number,
        "split": row.split,
        "sentids": [sentence["sentid"] for sentence in sentences],
        "sentences": sentences,
    }


def words(text: str) -> list[str]:
    """Returns a sentence's words as these files list them.

    >>> words("There are two ships.")
    ['there', 'are', 'two', 'ships']
    """
    return re.findall(r"[a-z]+", text.lower())
