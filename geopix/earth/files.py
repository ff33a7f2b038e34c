"""What writers of benchmarks' files have in common."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def write_png(path: Path, pixels: Pixels) -> None:
    """Writes uint8[H, W] or uint8[H, W, 3], lossless."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG", compress_level=1)


def write_jpeg(path: Path, pixels: Pixels) -> None:
    """Writes uint8[H, W] or uint8[H, W, 3] with little loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "JPEG", quality=94, subsampling=0)


def write_json(path: Path, content: dict[str, Any] | Sequence[Any]) -> None:
    """Writes JSON, one element a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
