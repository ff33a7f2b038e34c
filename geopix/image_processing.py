"""From any picture to the square, normalised pixels that CLIP reads; Pillow and numpy alone.

Letters in shapes: B images, H and W a picture's sides, S the model's side.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from transformers import AutoImageProcessor, BatchFeature
from transformers.image_processing_utils import BaseImageProcessor

from geopix.configuration import GeoPixConfig
from harness.errors import ConfigurationError, SampleError, nearest

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

#: How many times as long as wide a picture may be when its middle is taken.
LONGEST_CROP = 100

#: What is opened. Of Pillow's other formats some run programs: EPS runs Ghostscript.
FORMATS = ("PNG", "JPEG", "JPEG2000", "TIFF", "WEBP", "GIF", "BMP", "PPM")

#: Pillow refuses a picture of more pixels: a small file that fills the memory when it is decoded.
MOST_PIXELS = 2 * (1024**3 // 4 // 3)

ImageInput = Image.Image | npt.NDArray[Any] | str | Path


class GeoPixImageProcessor(BaseImageProcessor):
    """Turns pictures into `float32[B, 3, S, S]`: made square, CLIP's mean and deviation.

    Args:
        size: S, the side in pixels.
        image_mean: mean of each channel, of values in 0..1, in the order in which the model gets them.
        image_std: deviation of each channel.
        fit: how a picture becomes square. "squeeze" takes all of it, so that relative positions stay what they are;
            "crop" resizes the shorter side and takes the middle, as CLIP's own processor does.
        channel_order: "rgb", or "bgr" for a model that was taught with OpenCV's order: the blue channel comes first
            and is normalised with the first mean.

    Raises:
        ConfigurationError: if `fit` or `channel_order` is unknown.
        SampleError: when called with fit="crop" and a picture much longer than wide.
    """

    def __init__(
        self,
        size: int = 448,
        image_mean: Sequence[float] = CLIP_MEAN,
        image_std: Sequence[float] = CLIP_STD,
        *,
        fit: str = "squeeze",
        channel_order: str = "rgb",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_choice("fit", fit, FITS)
        _check_choice("channel_order", channel_order, CHANNEL_ORDERS)
        self.fit = fit
        self.channel_order = channel_order
        self.size = int(size)
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)

    def __call__(  # type: ignore[override]
        self, images: ImageInput | Sequence[ImageInput], **kwargs: Any
    ) -> BatchFeature:
        """Returns `pixel_values`, a tensor float32[B, 3, S, S], for one picture or several."""
        several = [images] if isinstance(images, Image.Image | np.ndarray | str | Path) else images
        pixels = np.stack([self._normalise(to_rgb(image)) for image in several])
        return BatchFeature({"pixel_values": torch.from_numpy(pixels)})

    def _normalise(self, image: Image.Image) -> npt.NDArray[np.float32]:
        square = FITS[self.fit](image, self.size)
        values = np.asarray(square, dtype=np.float32)[:, :, CHANNEL_ORDERS[self.channel_order]] / 255
        mean, std = np.array(self.image_mean, np.float32), np.array(self.image_std, np.float32)
        return np.ascontiguousarray(((values - mean) / std).transpose(2, 0, 1))


def _squeeze(image: Image.Image, size: int) -> Image.Image:
    return image.resize((size, size), Image.Resampling.BICUBIC)


def _crop(image: Image.Image, size: int) -> Image.Image:
    short, long = sorted(image.size)
    if long > LONGEST_CROP * short:  # resized before it is cropped, it would fill the memory
        raise SampleError(
            f"A picture of {image.width} x {image.height} pixels is more than {LONGEST_CROP} times as long as wide, "
            "too long for fit='crop'. Cut it into tiles, or set fit='squeeze' in the image processor."
        )
    width, height = (size * side // short for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return resized.crop((left, top, left + size, top + size))


FITS: dict[str, Callable[[Image.Image, int], Image.Image]] = {"squeeze": _squeeze, "crop": _crop}
CHANNEL_ORDERS = {"rgb": [0, 1, 2], "bgr": [2, 1, 0]}


def _check_choice(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ConfigurationError(
            f"GeoPixImageProcessor.{name}: unknown value {value!r}.{nearest(value, known)} Known: {', '.join(known)}."
        )


def to_rgb(image: ImageInput) -> Image.Image:
    """Opens or converts any picture to 8-bit RGB at its own size.

    * A path is opened with Pillow, in one of `FORMATS`; the orientation tag is ignored, since masks refer to stored
      pixels. Of several frames or pages the first is taken. More than `MOST_PIXELS` pixels are refused.
    * Alpha, also a palette's, is laid over black, the usual value of missing pixels in aerial tiles.
    * 16-bit values (Pillow modes I and I;16, numpy uint16) are divided by 257, so that 65535 becomes 255.
    * Float values (Pillow mode F, numpy floats) are taken as 0..255 and clipped; what is no number is 0.
    * CMYK, YCbCr and HSV are computed as Pillow does, without a colour profile.
    * numpy arrays are `[H, W]`, or `[H, W, C]` with 1, 3 or 4 channels; bool is 0 and 255.

    Raises:
        ValueError: if an array has another shape, or there is no pixel.
        OSError: if a file is no picture or is cut off (Pillow's own message).
        PIL.Image.DecompressionBombError: if a file has too many pixels.
    """
    if isinstance(image, str | Path):
        with without_bomb_warning(), Image.open(image, formats=FORMATS) as opened:
            opened.load()
            return to_rgb(opened)
    picture = image if isinstance(image, Image.Image) else _from_array(image)
    if 0 in picture.size:
        raise ValueError(f"A picture must have pixels; found {picture.width} x {picture.height}.")
    if picture.mode in {"I", "F"} or picture.mode.startswith("I;16"):
        picture = _from_array(np.asarray(picture, dtype=np.float32) / (1 if picture.mode == "F" else 257))
    if picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layered.size, (0, 0, 0, 255)), layered).convert("RGB")
    return picture.convert("RGB")


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] not in {1, 3, 4}):
        raise ValueError(
            f"A picture must have shape [H, W] or [H, W, C] with 1, 3 or 4 channels; found {list(array.shape)}."
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    if array.dtype.itemsize > 1 and np.issubdtype(array.dtype, np.integer):
        array = array / 257
    if np.issubdtype(array.dtype, np.floating):
        array = np.nan_to_num(array, nan=0, posinf=255, neginf=0)
    return Image.fromarray(np.clip(np.rint(array), 0, 255).astype(np.uint8))


#: What Pillow raises for a file that is no picture, damaged or too large.
UNREADABLE = (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError)


def why_unreadable(error: BaseException) -> str:
    """Returns why a picture cannot be read, in words and without a full stop, from one of `UNREADABLE`.

    >>> why_unreadable(OSError("cannot identify image file <_io.BytesIO object at 0x7f6c20ddc8b0>"))
    'cannot identify image file'
    """
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"it has more than {MOST_PIXELS:,} pixels, the most that are decoded at once; make it smaller, or give a "
            "GeoTIFF to `geopix predict --tile`"
        )
    return re.sub(r" <_io\.\w+ object at \w+>", "", str(error)).rstrip(".") or type(error).__name__


@contextmanager
def without_bomb_warning() -> Iterator[None]:
    """Keeps Pillow from warning of large pictures; too large ones are refused all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


AutoImageProcessor.register(GeoPixConfig, image_processor_classes={"pil": GeoPixImageProcessor}, exist_ok=True)
