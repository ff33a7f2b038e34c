"""Images as files: their digests, their pixels as models are shown them, and the small copies of reports."""

from __future__ import annotations

import hashlib
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import SampleError
from harness.records import ImageFile

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PREVIEW_SIDE = 384


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, modified: int) -> str:
    # Size and time only spare the second reading of a file within one process; the digest is of the bytes.
    return hashlib.sha256(path.read_bytes()).hexdigest()


def image_digest(image: ImageFile) -> str:
    """Returns the sha256 of an image file's bytes.

    Raises:
        SampleError: the file cannot be read.
    """
    try:
        status = image.path.stat()
        return _digest(image.path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise SampleError(
            f"image {image.id}: {image.path} cannot be read: {error.strerror}. Check or replace the file."
        ) from error


@lru_cache(maxsize=4096)
def _size(path: Path, modified: int) -> tuple[int, int]:
    from PIL import Image  # noqa: PLC0415 - listing and validating tasks must not wait for it

    with warnings.catch_warnings():
        # Only the head of the file is read, so a large picture is no danger here.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as opened:
            return opened.height, opened.width


def image_size(image: ImageFile) -> tuple[int, int]:
    """Returns an image's height and width in pixels; its pixels are not decoded.

    Raises:
        SampleError: the file cannot be read.
    """
    try:
        return _size(image.path, image.path.stat().st_mtime_ns)
    except (OSError, ValueError, SyntaxError) as error:
        raise SampleError(
            f"image {image.id}: {image.path} cannot be read: {error}. Check or replace the file."
        ) from error


def in_colour(picture: Picture) -> Picture:
    """Returns a picture's red, green and blue in eight bits, at its own size; the picture stays as it is.

    65535 of sixteen bits becomes 255, floating-point values are taken as 0 to 255, and what is transparent is laid on
    black: as GeoPix itself is shown pictures, so that models are compared on the same pixels.
    """
    import numpy as np  # noqa: PLC0415 - listing and validating tasks must not wait for it
    from PIL import Image  # noqa: PLC0415 - likewise

    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture, dtype=np.float32) / (1 if picture.mode == "F" else 257)
        values = np.nan_to_num(values, nan=0, posinf=255, neginf=0)
        picture = Image.fromarray(np.rint(values.clip(0, 255)).astype(np.uint8))
    if {"A", "a"} & set(picture.getbands()) or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layered.size, (0, 0, 0, 255)), layered)
    return picture.convert("RGB")


def picture_of(image: ImageFile) -> Picture:
    """Returns an image file's picture, `in_colour`.

    Raises:
        SampleError: the file cannot be read.
    """
    from PIL import Image  # noqa: PLC0415 - listing and validating tasks must not wait for it

    try:
        with Image.open(image.path) as opened:
            return in_colour(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SampleError(
            f"image {image.id}: {image.path} cannot be read: {error}. Check or replace the file."
        ) from error


def write_preview(image: ImageFile, folder: Path) -> bool:
    """Writes a copy of an image of at most 384 pixels a side for reports, unless it is there already.

    Returns:
        Whether the preview exists now; False for an image that cannot be decoded.
    """
    from PIL import Image  # noqa: PLC0415 - listing and validating tasks must not wait for it

    from harness.store import preview_name  # noqa: PLC0415 - nor must readers, which measure images

    target = folder / preview_name(image.id)
    if target.exists():
        return True
    try:
        with Image.open(image.path) as source:
            small = in_colour(source)
            small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    small.save(target, "WEBP", quality=60, method=2)
    return True
