"""Image files as pictures that processors read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.images import picture_of
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

    shown = picture_of(image)
    return images.new("RGB", shown.size, GREY) if blank else shown
