"""What stands on the ground: categories, their sizes in units, and one thing drawn from them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geopix.earth.geometry import (
    Frame,
    Points,
    airliner,
    circle,
    ell,
    hull,
    propeller_plane,
    rectangle,
    rounded,
)
from geopix.earth.palette import COLORS, Rgb, paint

CATEGORIES = (
    "building",
    "ship",
    "airplane",
    "storage tank",
    "vehicle",
    "tennis court",
    "basketball court",
)
# Lengths in units (256ths of the image's side). The gaps between the words make every word checkable by eye.
LENGTHS: dict[str, dict[str, tuple[float, float]]] = {
    "building": {"small": (26, 37), "medium": (46, 60), "large": (74, 108)},
    "ship": {"small": (17, 27), "medium": (36, 50), "large": (66, 104)},
    "airplane": {"small": (25, 34), "medium": (43, 56), "large": (70, 96)},
    "storage tank": {"small": (15, 20), "medium": (26, 33), "large": (42, 62)},
    "vehicle": {"small": (14, 17), "large": (25, 34)},
    "tennis court": {"medium": (58, 66)},
    "basketball court": {"medium": (50, 58)},
}


@dataclass(frozen=True)
class Thing:
    """One thing on the ground, before anything hides it; lengths in units, `outline` in image units."""

    category: str
    frame: Frame
    length: float
    width: float
    height: float
    color: str
    shade: Rgb
    size_word: str
    style: str
    outline: Points


def draw_thing(category: str, frame: Frame, rng: np.random.Generator, size_word: str | None = None) -> Thing:
    """Draws a thing of a category at a frame; the size word is drawn too when it is None."""
    lengths = LENGTHS[category]
    word = size_word or str(rng.choice(list(lengths)))
    length = float(rng.uniform(*lengths[word]))
    width, height, style, outline = _SHAPES[category](length, word, rng)
    names = COLORS[category]
    color = names[int(rng.integers(len(names)))]
    placed = frame.place(outline)
    return Thing(category, frame, length, width, height, color, paint(color, rng), word, style, placed)


Shape = tuple[float, float, str, Points]


def _building_shape(length: float, word: str, rng: np.random.Generator) -> Shape:
    width = length * float(rng.uniform(0.42, 0.6) if word == "large" else rng.uniform(0.6, 0.88))
    height = float(rng.uniform(9, 15) if word == "small" else rng.uniform(11, 20))
    roofs = {"small": ("gable", "hip", "hip", "flat"), "medium": ("gable", "hip", "flat", "ell")}
    style = str(rng.choice(roofs.get(word, ("flat", "flat", "gable", "sawtooth"))))
    return width, height, style, ell(length, width) if style == "ell" else rectangle(length, width)


def _ship_shape(length: float, word: str, rng: np.random.Generator) -> Shape:
    aspect = rng.uniform(0.32, 0.38) if word == "small" else rng.uniform(0.2, 0.27)
    width = length * float(aspect)
    return width, 2.0 + 0.06 * length, "boat" if word == "small" else "vessel", hull(length, width)


def _airplane_shape(length: float, word: str, rng: np.random.Generator) -> Shape:
    light = word == "small" or (word == "medium" and rng.random() < 0.3)
    outline = propeller_plane(length) if light else airliner(length)
    return length, 3 + 0.07 * length, "propeller" if light else "jet", outline


def _tank_shape(length: float, word: str, rng: np.random.Generator) -> Shape:
    style = "dome" if rng.random() < 0.55 else "floating"
    return length, float(rng.uniform(0.3, 0.5)) * length, style, circle(length)


def _vehicle_shape(length: float, word: str, rng: np.random.Generator) -> Shape:
    if word == "small":
        width = length * float(rng.uniform(0.44, 0.48))
        return width, 3.6, "car", rounded(length, width)
    width = float(rng.uniform(8.2, 9.4))
    return width, 7.0, str(rng.choice(("truck", "bus"))), rounded(length, width)


def _court_shape(length: float, word: str, rng: np.random.Generator) -> Shape:
    width = length * float(rng.uniform(0.52, 0.57))
    return width, 0.0, "court", rectangle(length, width)


_SHAPES: dict[str, Callable[[float, str, np.random.Generator], Shape]] = {
    "building": _building_shape,
    "ship": _ship_shape,
    "airplane": _airplane_shape,
    "storage tank": _tank_shape,
    "vehicle": _vehicle_shape,
    "tennis court": _court_shape,
    "basketball court": _court_shape,
}
