"""What can be said of a scene beyond doubt; None wherever two people could disagree."""

import numpy as np
from numpy.typing import NDArray

from geopix.earth.scene import Instance, Scene

COVER_SURE = 0.04  # of the picture: surely there
COVER_ABSENT = 0.003  # of the picture: surely not there
# Clear and clearly not, as fractions of the picture, for each word; between the two nobody says it.
NEAR_SIDE, FAR_SIDE = 0.42, 0.54
CENTRAL, NOT_CENTRAL = 0.13, 0.22
TOUCHING, APART = 0.05, 0.15


def at_position(instance: Instance, position: str) -> bool | None:
    """Returns whether an instance's box centre lies at a position word, None near the border between words."""
    x, y = instance.centre
    if position == "center":
        away = max(abs(x - 0.5), abs(y - 0.5))
        return _clear(away, CENTRAL, NOT_CENTRAL)
    values = {"left": x, "right": 1 - x, "top": y, "upper": y, "bottom": 1 - y, "lower": 1 - y}
    parts = [_clear(values[word], NEAR_SIDE, FAR_SIDE) for word in position.split()]
    if False in parts:
        return False
    return None if None in parts else True


def _clear(value: float, sure: float, never: float) -> bool | None:
    if value <= sure:
        return True
    return False if value >= never else None


def any_of(verdicts: list[bool | None]) -> bool | None:
    """Returns the three-valued "or"."""
    if True in verdicts:
        return True
    return None if None in verdicts else False


def present(scene: Scene, category: str) -> bool | None:
    """Returns whether a category is in the picture, None when all that shows of it is a fragment."""
    if any(instance.category == category for instance in scene.instances):
        return True
    return None if category in scene.fragments else False


def count(scene: Scene, category: str) -> int | None:
    """Returns how many there are, None when a fragment makes it debatable."""
    if category in scene.fragments:
        return None
    return sum(instance.category == category for instance in scene.instances)


def covered(scene: Scene, cover: str) -> bool | None:
    """Returns whether a land cover is in the picture, None for mere traces."""
    share = float(scene.covers[cover].mean())
    if share >= COVER_SURE:
        return True
    return False if share <= COVER_ABSENT else None


def square_metres(scene: Scene, mask: NDArray[np.bool_]) -> int:
    """Returns a mask's area on the ground, rounded to whole square metres."""
    return round(int(mask.sum()) * scene.metres_per_pixel**2)


def category_mask(scene: Scene, category: str) -> NDArray[np.bool_]:
    """Returns bool[H, W], the union of a category's instances."""
    union = np.zeros(scene.image.shape[:2], dtype=np.bool_)
    for instance in scene.instances:
        if instance.category == category:
            union |= instance.mask
    return union


def gap(first: Instance, second: Instance) -> float:
    """Returns the distance between two instances' nearest pixels as a fraction of the picture's width (sampled)."""
    steps = first.rim[:, None, :] - second.rim[None, :, :]
    return float(np.sqrt((steps**2).sum(axis=-1).min()) / first.mask.shape[1])


def next_to(first: Instance, second: Instance) -> bool | None:
    """Returns whether two instances are neighbours, None at middling distances."""
    return _clear(gap(first, second), TOUCHING, APART)
