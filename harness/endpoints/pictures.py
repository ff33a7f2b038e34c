"""Pictures as data URLs: what an endpoint is shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from harness.errors import SampleError
from harness.images import picture_of
from harness.records import ImageFile

PictureFormat = Literal["png", "jpeg", "webp"]
FORMATS: tuple[PictureFormat, ...] = get_args(PictureFormat)
#: Lossless where the format can be; JPEG's colours unthinned, at the quality beyond which files only grow.
_SAVED: Mapping[PictureFormat, dict[str, Any]] = {
    "png": {},
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"lossless": True},
}


@dataclass(frozen=True)
class Shown:
    """A picture as it is sent.

    Attributes:
        url: the data URL.
        size: its height and width in pixels.
    """

    url: str
    size: tuple[int, int]


def shown(image: ImageFile, size: int, form: PictureFormat) -> Shown:
    """Returns an image as a data URL: its pixels alone, no metadata.

    Args:
        image: the image.
        size: pixels that the longer side may have; a larger picture is made smaller (Lanczos), none is made larger.
        form: how the pixels are packed: `png` and `webp` without loss, `jpeg` at quality 95.

    Raises:
        SampleError: the image cannot be read.
    """
    try:
        modified = image.path.stat().st_mtime_ns
    except OSError as error:
        raise SampleError(
            f"image {image.id}: {image.path} cannot be read: {error}. Check or replace the file."
        ) from error
    return _shown(image, modified, size, form)


# The questions of one image follow each other.
@lru_cache(maxsize=32)
def _shown(image: ImageFile, modified: int, size: int, form: PictureFormat) -> Shown:
    from PIL import Image  # noqa: PLC0415 - the command's help must not wait for it

    picture = picture_of(image)
    picture.info.clear()  # a colour profile, a place, a camera: the model is shown pixels
    if max(picture.size) > size:
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    picture.save(packed, form.upper(), **_SAVED[form])
    url = f"data:image/{form};base64,{base64.b64encode(packed.getvalue()).decode()}"
    return Shown(url, (picture.height, picture.width))
