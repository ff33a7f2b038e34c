"""What tells later whether a benchmark's image was among those a checkpoint was trained on."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def write_fingerprints(path: Path, images: Iterable[Path]) -> list[str]:
    """Writes a JSON line a file: the sha256 of its bytes, and a perceptual hash that survives another file format.

    A file that several data sets name is written once. One that cannot be read is left out: nobody learns from it.

    Args:
        path: where to.
        images: the training images' files.

    Returns:
        The files that cannot be read, each with the reason.
    """
    unreadable = []
    with path.open("w", encoding="utf-8") as file:
        for image in dict.fromkeys(images):
            try:
                line = {"sha256": hashlib.sha256(image.read_bytes()).hexdigest(), "dhash": difference_hash(image)}
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                unreadable.append(f"{image}: {error}")
            else:
                file.write(json.dumps(line) + "\n")
    return unreadable


def difference_hash(image: Path) -> str:
    """Returns 64 bits in hexadecimal digits: whether each of 9 x 8 grey cells is darker than its right neighbour.

    The difference hash of N. Krawetz ("Kind of like that", 2013). The same picture in another format or size differs in
    few bits.
    """
    with Image.open(image) as opened:
        cells = np.asarray(opened.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits(cells[:, :-1] < cells[:, 1:])
    return bits.tobytes().hex()
