"""Outlines of things and the frame that puts them on the ground.

Every length is in units: the image is 256 units wide and high whatever its pixels, x to the right, y down.
"""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A position and a heading on the ground; `along` points in the heading's direction, `across` to its right."""

    x: float
    y: float
    angle: float

    def place(self, points: Points) -> Points:
        """Moves float[N, 2] points (along, across) into image units (x, y)."""
        turned = points @ np.array([[cos(self.angle), sin(self.angle)], [-sin(self.angle), cos(self.angle)]])
        return np.asarray(turned + np.array([self.x, self.y]), dtype=np.float64)

    def at(self, along: float, across: float, turn: float = 0.0) -> "Frame":
        """Returns the frame that stands `along` and `across` of this one, turned by `turn` radians."""
        x, y = self.place(np.array([[along, across]]))[0]
        return Frame(float(x), float(y), self.angle + turn)


def rectangle(length: float, width: float) -> Points:
    """Returns the corners of a rectangle about the origin."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return np.asarray(corners * np.array([length / 2, width / 2]), dtype=np.float64)


def rounded(length: float, width: float) -> Points:
    """Returns a rectangle with cut corners, a vehicle from above."""
    cut = 0.22 * width
    half = np.array([length / 2, width / 2])
    corner = [(half[0] - cut, half[1]), (half[0], half[1] - cut)]
    quarter = np.array(corner)
    flip = np.array([1, -1])
    return np.concatenate([quarter, quarter[::-1] * flip, -quarter, -quarter[::-1] * flip])


def ell(length: float, width: float) -> Points:
    """Returns an L-shaped footprint inside a `length` x `width` rectangle."""
    a, b = length / 2, width / 2
    return np.array([[-a, -b], [a, -b], [a, 0.1 * b], [0.1 * a, 0.1 * b], [0.1 * a, b], [-a, b]])


def circle(diameter: float) -> Points:
    """Returns a 40-sided disc."""
    turns = np.linspace(0, 2 * pi, 40, endpoint=False)
    return np.asarray(np.stack([np.cos(turns), np.sin(turns)], axis=1) * (diameter / 2), dtype=np.float64)


def hull(length: float, width: float) -> Points:
    """Returns a ship's outline, bow along the heading."""
    half = [(-0.5, 0.36), (-0.46, 0.47), (-0.1, 0.5), (0.18, 0.46), (0.36, 0.3), (0.5, 0.0)]
    return np.asarray(mirrored(half) * np.array([length, width]), dtype=np.float64)


def airliner(length: float) -> Points:
    """Returns a swept-wing aircraft's outline, nose along the heading, wing span 0.94 lengths."""
    half = [
        (-0.5, 0.0), (-0.47, 0.03), (-0.52, 0.17), (-0.46, 0.18), (-0.34, 0.045), (-0.09, 0.055), (-0.22, 0.46),
        (-0.15, 0.47), (0.16, 0.06), (0.38, 0.055), (0.46, 0.035), (0.5, 0.0),
    ]  # fmt: skip
    return mirrored(half) * length


def propeller_plane(length: float) -> Points:
    """Returns a straight-wing light aircraft's outline, wing span 1.1 lengths."""
    half = [
        (-0.5, 0.0), (-0.5, 0.19), (-0.38, 0.2), (-0.36, 0.045), (0.04, 0.07), (0.05, 0.54), (0.22, 0.55),
        (0.25, 0.07), (0.44, 0.06), (0.5, 0.0),
    ]  # fmt: skip
    return mirrored(half) * length


def mirrored(half: list[tuple[float, float]]) -> Points:
    """Returns the closed outline made of `half` (stern to bow, across >= 0) and its mirror image."""
    right = np.array(half)
    left = right[::-1] * np.array([1, -1])
    return np.concatenate([right, left])
