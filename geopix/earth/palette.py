"""Natural colours: what roofs, hulls and paint look like from above, in sRGB from 0 to 1. Nothing is pure."""

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.float32]

PAINT: dict[str, tuple[tuple[float, float, float], ...]] = {
    "white": ((0.86, 0.85, 0.82), (0.83, 0.83, 0.81), (0.88, 0.86, 0.83)),
    "gray": ((0.50, 0.50, 0.49), (0.46, 0.47, 0.48), (0.53, 0.52, 0.50)),
    "black": ((0.13, 0.13, 0.14), (0.11, 0.12, 0.13), (0.16, 0.15, 0.15)),
    "red": ((0.60, 0.29, 0.22), (0.55, 0.26, 0.20), (0.63, 0.34, 0.27)),
    "blue": ((0.27, 0.39, 0.56), (0.24, 0.36, 0.52), (0.32, 0.45, 0.60)),
    "green": ((0.26, 0.43, 0.32), (0.23, 0.39, 0.29), (0.30, 0.46, 0.36)),
    "brown": ((0.41, 0.30, 0.21), (0.38, 0.27, 0.19), (0.44, 0.33, 0.23)),
}
# The colours each category comes in; repeated names are likelier.
COLORS: dict[str, tuple[str, ...]] = {
    "building": ("red", "red", "gray", "gray", "brown", "white", "blue"),
    "ship": ("white", "white", "gray", "red", "blue", "brown"),
    "airplane": ("white", "white", "gray"),
    "storage tank": ("white", "white", "gray", "brown", "green"),
    "vehicle": ("white", "white", "black", "red", "blue", "gray"),
    "tennis court": ("green", "blue", "red"),
    "basketball court": ("red", "gray", "blue", "green"),
}


def paint(color: str, rng: np.random.Generator) -> Rgb:
    """Returns float32[3], one shade of a colour name, slightly lighter or darker each time."""
    shades = PAINT[color]
    shade = np.array(shades[int(rng.integers(len(shades)))], dtype=np.float32)
    return np.asarray(shade * rng.uniform(0.95, 1.05), dtype=np.float32)


def rgb(red: float, green: float, blue: float) -> Rgb:
    """Returns float32[3]."""
    return np.array([red, green, blue], dtype=np.float32)
