"""Image files as pictures that processors read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import SampleError
from harness.records import ImageFile

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = (127, 127, 127)


def picture(image: ImageFile, *, blank: bool) -> Image:
    """Returns an image's pixels in RGB, or a grey picture of its size.

    Raises:
        SampleError: the file cannot be read.
    """
    from PIL import Image as images  # noqa: PLC0415, N813 - listing models must not wait for it

    try:
        with images.open(image.path) as opened:
            shown: Image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, images.DecompressionBombError) as error:
        raise SampleError(
            f"image {image.id}: {image.path} cannot be read: {error}. Check or replace the file."
        ) from error
    return images.new("RGB", shown.size, GREY) if blank else shown
