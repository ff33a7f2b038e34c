"""Land covers and their materials: colours float32[side, side, 3] made of noise."""

import numpy as np
from numpy.typing import NDArray

from geopix.earth.noise import Field, Textures
from geopix.earth.palette import Rgb, rgb

Colors = NDArray[np.float32]

# The index in this tuple is the number in a site's cover map.
COVERS = ("grass", "soil", "water", "farmland", "forest", "road", "parking", "pavement", "sand")
NUMBER = {name: number for number, name in enumerate(COVERS)}


def mixed(first: Rgb, second: Rgb, share: Field) -> Colors:
    """Returns float32[H, W, 3] between two colours; `share` float32[H, W] is clipped to 0..1."""
    clipped = np.clip(share, 0, 1)
    colors = np.empty((*share.shape, 3), dtype=np.float32)
    for channel in range(3):  # ten times faster than broadcasting over a last axis of three
        colors[..., channel] = first[channel] + (second[channel] - first[channel]) * clipped
    return colors


def speckled(colors: Colors, textures: Textures, fine: float, grain: float) -> Colors:
    """Returns the colours made lighter and darker by fine and pixel-size texture."""
    return lightened(colors, 1 + fine * textures.fine + grain * textures.grain)


def lightened(colors: Colors, light: Field) -> Colors:
    """Returns the same array, each pixel times float32[H, W] light."""
    for channel in range(3):
        colors[..., channel] *= light
    return colors


def grass(rng: np.random.Generator, textures: Textures) -> Colors:
    """Returns lawn or meadow: green with drier patches."""
    dryness = rng.uniform(-0.15, 0.25)
    lush = rgb(0.27, 0.36, 0.18) * rng.uniform(0.9, 1.15)
    dry = rgb(0.47, 0.46, 0.28) * rng.uniform(0.92, 1.05)
    share = 0.38 + dryness + 0.2 * textures.patchy + 0.13 * textures.broad
    return speckled(mixed(lush, dry, share), textures, 0.05, 0.055)


def soil(rng: np.random.Generator, textures: Textures) -> Colors:
    """Returns bare, trampled ground."""
    pale = rgb(0.62, 0.54, 0.42) * rng.uniform(0.92, 1.05)
    dark = rgb(0.44, 0.36, 0.27) * rng.uniform(0.92, 1.08)
    share = 0.45 + 0.22 * textures.patchy + 0.12 * textures.broad
    return speckled(mixed(pale, dark, share), textures, 0.035, 0.04)


def sand(rng: np.random.Generator, textures: Textures) -> Colors:
    """Returns a beach."""
    pale = rgb(0.80, 0.74, 0.60) * rng.uniform(0.94, 1.03)
    return speckled(mixed(pale, pale * 0.86, 0.4 + 0.2 * textures.patchy), textures, 0.02, 0.025)


def water(rng: np.random.Generator, textures: Textures, depth: Field) -> Colors:
    """Returns water that darkens with `depth` (units from the shore) and carries ripples."""
    hues = (rgb(0.13, 0.23, 0.27), rgb(0.15, 0.24, 0.23), rgb(0.13, 0.20, 0.26), rgb(0.22, 0.27, 0.22))
    deep = hues[int(rng.integers(len(hues)))] * rng.uniform(0.9, 1.15)
    shallow = deep * 1.25 + rgb(0.07, 0.08, 0.05)
    share = np.exp(-np.maximum(depth, 0) / np.float32(rng.uniform(6, 18))) + 0.08 * textures.broad
    colors = mixed(deep, shallow, share)
    # Waves run one way: the difference of a shifted fine field draws their crests.
    shift = int(rng.integers(1, 4))
    crests = textures.fine - np.roll(textures.fine, (shift, 2 * shift), axis=(0, 1))
    return lightened(colors, 1 + 0.05 * crests + 0.035 * textures.grain)


CROPS = (
    (rgb(0.30, 0.40, 0.18), rgb(0.24, 0.33, 0.15)),
    (rgb(0.42, 0.47, 0.24), rgb(0.33, 0.40, 0.19)),
    (rgb(0.64, 0.58, 0.36), rgb(0.56, 0.49, 0.29)),
    (rgb(0.45, 0.36, 0.27), rgb(0.37, 0.29, 0.21)),
    (rgb(0.55, 0.46, 0.34), rgb(0.46, 0.38, 0.27)),
    (rgb(0.35, 0.43, 0.25), rgb(0.46, 0.40, 0.29)),
)


def crop(rng: np.random.Generator, textures: Textures, across: Field) -> Colors:
    """Returns a field ploughed in rows; `across` float32[H, W] runs across the rows, in units."""
    ridge, furrow = CROPS[int(rng.integers(len(CROPS)))]
    period = rng.uniform(4.2, 8.5)
    rows = np.sin((across + 0.5 * textures.fine) * np.float32(2 * np.pi / period) + np.float32(rng.uniform(0, 6)))
    share = 0.5 + 0.42 * rows + 0.12 * textures.patchy
    colors = mixed(ridge * rng.uniform(0.93, 1.07), furrow, share)
    return speckled(lightened(colors, 1 + 0.05 * textures.broad), textures, 0.02, 0.035)


def asphalt(rng: np.random.Generator, textures: Textures) -> Colors:
    """Returns worn asphalt."""
    base = rgb(0.40, 0.40, 0.40) * rng.uniform(0.8, 1.2)
    return speckled(mixed(base, base * 0.87, 0.4 + 0.2 * textures.patchy), textures, 0.015, 0.025)


def concrete(rng: np.random.Generator, textures: Textures) -> Colors:
    """Returns pale pavement, stained."""
    base = rgb(0.66, 0.64, 0.60) * rng.uniform(0.9, 1.06)
    return speckled(mixed(base, base * 0.86, 0.35 + 0.22 * textures.patchy), textures, 0.018, 0.02)


def undergrowth(rng: np.random.Generator, textures: Textures) -> Colors:
    """Returns the dark floor between the crowns of a forest."""
    base = rgb(0.15, 0.20, 0.11) * rng.uniform(0.9, 1.15)
    return speckled(mixed(base, base * 1.3, 0.4 + 0.2 * textures.patchy), textures, 0.08, 0.06)
