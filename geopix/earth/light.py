"""The sun of a scene and the sensor that sees it."""

from dataclasses import dataclass
from io import BytesIO
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter


@dataclass(frozen=True)
class Sun:
    """One light direction a scene.

    Attributes:
        shadow: Where the shadow of a thing one unit high ends, (x, y) units.
        toward: Unit vector on the ground toward the sun.
        shade: float32[3], what is left of the light inside a shadow; bluish, for the sky still shines there.
    """

    shadow: tuple[float, float]
    toward: tuple[float, float]
    shade: NDArray[np.float32]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Sun":
        """Draws any azimuth and an elevation between about 40 and 62 degrees."""
        azimuth = rng.uniform(0, 2 * pi)
        length = rng.uniform(0.55, 1.15)
        depth = rng.uniform(0.40, 0.56)
        return cls(
            shadow=(cos(azimuth) * length, sin(azimuth) * length),
            toward=(-cos(azimuth), -sin(azimuth)),
            shade=np.array([depth, depth * 1.05, depth * 1.16], dtype=np.float32),
        )

    def facing(self, angle: float) -> float:
        """Returns how much a slope that faces `angle` (radians) is turned to the sun, from -1 to 1."""
        return self.toward[0] * cos(angle) + self.toward[1] * sin(angle)


@dataclass(frozen=True)
class Sensor:
    """White balance, haze, contrast, blur, noise and compression of one exposure."""

    balance: NDArray[np.float32]
    haze: float
    contrast: float
    exposure: float
    blur: float
    noise: float
    quality: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Sensor":
        """Draws a sensor and an atmosphere."""
        return cls(
            balance=(1 + rng.uniform(-0.05, 0.05, 3)).astype(np.float32),
            haze=float(rng.uniform(0.0, 0.16)),
            contrast=float(rng.uniform(0.9, 1.12)),
            exposure=float(rng.uniform(0.9, 1.08)),
            blur=float(rng.uniform(0.2, 0.7)),
            noise=float(rng.uniform(0.006, 0.018)),
            quality=int(rng.integers(78, 96)),
        )

    def expose(self, light: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Turns float32[H, W, 3] light from 0 to 1 into a uint8[H, W, 3] picture with this sensor's faults."""
        seen = light * (self.balance * np.float32(self.exposure))
        seen += (np.array([0.74, 0.78, 0.82], dtype=np.float32) - seen) * np.float32(self.haze)
        seen = (seen - np.float32(0.42)) * np.float32(self.contrast) + np.float32(0.42)
        grain = rng.standard_normal((*seen.shape[:2], 1), dtype=np.float32)
        tint = rng.standard_normal(seen.shape, dtype=np.float32)
        blurred = Image.fromarray(_bytes(seen)).filter(ImageFilter.GaussianBlur(self.blur))
        noise = (np.float32(0.8) * grain + np.float32(0.5) * tint) * np.float32(self.noise)
        noisy = np.asarray(blurred, dtype=np.float32) / np.float32(255) + noise
        return _compressed(_bytes(noisy), self.quality)


def _bytes(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (np.clip(light, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _compressed(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0)
    return np.array(Image.open(file))
