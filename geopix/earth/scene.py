"""A scene: the picture, the visible mask of every thing in it, and the land covers between."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geopix.earth import craft, structures
from geopix.earth.canvas import SUPERSAMPLING, Canvas
from geopix.earth.ground import COVERS, NUMBER
from geopix.earth.light import Sensor, Sun
from geopix.earth.site import Site
from geopix.earth.themes import compose
from geopix.earth.things import Thing
from geopix.earth.trees import paint_trees

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
LEAST_VISIBLE = 40  # pixels of a 256 px picture below which nobody can be asked about a thing
LEAST_SHARE = 0.45  # of a thing's outline: less of it and its size and shape cannot be told


@dataclass(frozen=True)
class Instance:
    """One thing as the picture shows it.

    Attributes:
        category: One of `geopix.earth.things.CATEGORIES`.
        mask: bool[H, W], its visible part; no two instances share a pixel.
        box: (x0, y0, x1, y1) pixels, tight around the mask, x1 and y1 exclusive.
        color: A name of `geopix.earth.palette.PAINT`.
        size_word: small, medium or large among its category.
        angle: Heading in radians, from the x axis toward the y axis (down).
        length: Its whole length in pixels, hidden parts included.
    """

    category: str
    mask: Mask
    box: Box
    color: str
    size_word: str
    angle: float
    length: float

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box (x, y), as fractions of the picture's width and height."""
        height, width = self.mask.shape
        return (self.box[0] + self.box[2]) / 2 / width, (self.box[1] + self.box[3]) / 2 / height

    @cached_property
    def rim(self) -> NDArray[np.float64]:
        """About 120 pixels (row, column) of the mask's outline, float64[N, 2]."""
        x0, y0, x1, y1 = self.box
        part = np.pad(self.mask[y0:y1, x0:x1], 1)
        core = part[:-2, 1:-1] & part[2:, 1:-1] & part[1:-1, :-2] & part[1:-1, 2:]
        points = np.argwhere(part[1:-1, 1:-1] & ~core)
        return np.asarray(points[:: max(1, len(points) // 120)] + np.array([y0, x0]), dtype=np.float64)


@dataclass(frozen=True)
class Scene:
    """A picture and everything true about it.

    Attributes:
        image: uint8[H, W, 3], RGB.
        instances: What language may speak of.
        fragments: Categories of which a hardly visible piece is in the picture; nobody is asked to count those.
        covers: Name to bool[H, W], the visible land covers, free of instances and tree crowns.
        metres_per_pixel: Ground sampling distance.
        theme: The kind of place.
    """

    image: NDArray[np.uint8]
    instances: tuple[Instance, ...]
    fragments: frozenset[str]
    covers: Mapping[str, Mask]
    metres_per_pixel: float
    theme: str


Painter = Callable[[Canvas, Thing, int, Sun, np.random.Generator], None]
PAINTERS: dict[str, Painter] = {
    "building": structures.building,
    "ship": craft.ship,
    "airplane": craft.airplane,
    "storage tank": structures.storage_tank,
    "vehicle": craft.vehicle,
    "tennis court": structures.tennis_court,
    "basketball court": structures.basketball_court,
}


def make_scene(seed: int, size: int = 256) -> Scene:
    """Draws the scene of a seed.

    The layout does not depend on the size: the same seed at 128 and at 512 pixels shows the same place, up to noise.

    Args:
        seed: Any non-negative integer.
        size: Width and height of the picture in pixels.

    Returns:
        The scene; the same arguments give the same bytes.
    """
    # Noise has streams of its own, for how much of it is drawn depends on the size.
    layout, noise, brush, sensor = np.random.default_rng(seed).spawn(4)
    canvas = Canvas(size)
    site = Site(canvas, layout, noise)
    theme = compose(site)
    crowns = _paint(site, brush)
    image = Sensor.draw(sensor).expose(_reduced(canvas.pixels), noise)
    labels = _voted(canvas.labels)
    instances, fragments = _instances(labels, site.things, size)
    return Scene(
        image=image,
        instances=instances,
        fragments=fragments,
        covers=_covers(site, crowns, labels),
        metres_per_pixel=float(np.round(layout.uniform(0.28, 0.32) * 256 / size, 4)),
        theme=theme,
    )


def _paint(site: Site, rng: np.random.Generator) -> Mask:
    order = sorted(range(len(site.things)), key=lambda index: site.things[index].height)
    for sailing in site.wakes:
        craft.wake(site.canvas, sailing)
    for index in order:
        thing = site.things[index]
        PAINTERS[thing.category](site.canvas, thing, index + 1, site.sun, rng)
    return paint_trees(site.canvas, site.trees, site.sun, site.textures, rng)


def _reduced(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    total = sum(pixels[row::SUPERSAMPLING, column::SUPERSAMPLING] for row in (0, 1) for column in (0, 1))
    return np.asarray(total / np.float32(SUPERSAMPLING**2), dtype=np.float32)


def _voted(labels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Gives each pixel the label that at least two of its four subpixels bear (the higher on a tie), else 0."""
    size = labels.shape[0] // SUPERSAMPLING
    votes = np.sort(labels.reshape(size, 2, size, 2).swapaxes(1, 2).reshape(size, size, 4), axis=-1)
    second, third = votes[..., 1], votes[..., 2]
    upper = (third == votes[..., 3]) | (third == second)
    return np.where(upper, third, np.where(second == votes[..., 0], second, 0)).astype(np.int16)


def _instances(
    labels: NDArray[np.int16], things: list[Thing], size: int
) -> tuple[tuple[Instance, ...], frozenset[str]]:
    scale = size / 256
    seen: list[Instance] = []
    fragments: set[str] = set()
    for label, thing in enumerate(things, start=1):
        mask = labels == label
        visible = int(mask.sum())
        if visible >= max(LEAST_VISIBLE * scale**2, LEAST_SHARE * _area(thing) * scale**2, 6):
            heading = float(thing.frame.angle % (2 * np.pi))
            instance = Instance(
                thing.category, mask, tight_box(mask), thing.color, thing.size_word, heading, thing.length * scale
            )
            seen.append(instance)
        elif visible:
            fragments.add(thing.category)
    return tuple(seen), frozenset(fragments)


def _area(thing: Thing) -> float:
    x, y = thing.outline[:, 0], thing.outline[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def tight_box(mask: Mask) -> Box:
    """Returns (x0, y0, x1, y1) around the True pixels, x1 and y1 exclusive; the mask must not be empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _covers(site: Site, crowns: Mask, labels: NDArray[np.int16]) -> dict[str, Mask]:
    ground = labels == 0
    cover = site.cover[::SUPERSAMPLING, ::SUPERSAMPLING]
    bare = ground & ~crowns[::SUPERSAMPLING, ::SUPERSAMPLING]
    covers = {name: bare & (cover == number) for number, name in enumerate(COVERS)}
    # A forest is its crowns: there the canopy itself is the cover.
    covers["forest"] = ground & (cover == NUMBER["forest"])
    return covers
