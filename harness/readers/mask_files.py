"""True masks that a data set keeps as pictures: black for the rest, anything else for the target."""

from pathlib import Path
from typing import TYPE_CHECKING

from harness.deferred import Deferred
from harness.errors import SampleError
from harness.masks import encode
from harness.readers.gallery import Gallery
from harness.records import Mask

if TYPE_CHECKING:
    import numpy as np
else:
    np = Deferred("numpy")

# Modes whose numbers are grey levels already. A palette's numbers are not: its colours are what counts.
_GREY = ("1", "L", "I", "I;16", "F")


def mask_at(gallery: Gallery, mask_id: str, name: str) -> Mask:
    """Returns the mask of a picture in a folder of masks.

    Raises:
        MissingDataError: the folder is not there.
        SampleError: there is no such picture, or it cannot be read.
    """
    found = gallery.find(mask_id, name)
    if found.defect:
        raise SampleError(f"its mask: {found.defect}")
    return read_mask(found.images[0].path)


def read_mask(path: Path) -> Mask:
    """Returns the mask of a picture: its pixels that are not black.

    Raises:
        SampleError: it cannot be read.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - listing tasks needs no pictures

    try:
        with Image.open(path) as picture:
            return encode(np.asarray(picture if picture.mode in _GREY else picture.convert("L")) != 0)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise SampleError(f"its mask {path} cannot be read: {error}. Check or replace the file.") from error
