"""Multi-octave value noise, the texture under every land cover."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, side: int, period: float) -> Field:
    """Returns one octave of value noise, float32[side, side] of unit variance, one grid value per `period` pixels."""
    cells = max(3, ceil(side / period) + 2)
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    span = side / period
    box = (0.5, 0.5, span + 0.5, span + 0.5)
    octave = Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC, box=box)
    values = np.asarray(octave, dtype=np.float32)
    return np.asarray(values / max(float(values.std()), 1e-6), dtype=np.float32)


def value_noise(rng: np.random.Generator, side: int, period: float, octaves: int) -> Field:
    """Returns `octaves` octaves summed, each half as strong and twice as fine, float32[side, side] of unit variance."""
    total = smooth_noise(rng, side, period)
    for octave in range(1, octaves):
        total = total + smooth_noise(rng, side, period / 2**octave) * np.float32(0.55**octave)
    return np.asarray(total / max(float(total.std()), 1e-6), dtype=np.float32)


@dataclass(frozen=True)
class Textures:
    """A scene's noise fields, float32[side, side] of unit variance; materials share them, shifted, to save time."""

    broad: Field
    patchy: Field
    fine: Field
    grain: Field

    @classmethod
    def draw(cls, rng: np.random.Generator, side: int) -> "Textures":
        """Draws the four fields: about 100, 28, 6 and 1 units (a 256th of the image) wide."""
        unit = side / 256
        return cls(
            broad=value_noise(rng, side, 100 * unit, 2),
            patchy=value_noise(rng, side, 28 * unit, 3),
            fine=smooth_noise(rng, side, 5 * unit),
            grain=rng.standard_normal((side, side), dtype=np.float32),
        )

    def shifted(self, rng: np.random.Generator) -> "Textures":
        """Returns the same fields rolled by random offsets, so that two materials do not show one pattern."""
        side = self.broad.shape[0]

        def roll(field: Field) -> Field:
            down, right = (int(offset * side) for offset in rng.random(2))
            return np.roll(field, (down, right), axis=(0, 1))

        # Only the two finer fields wrap without a visible seam at the image border.
        return Textures(self.broad, self.patchy, roll(self.fine), roll(self.grain))
