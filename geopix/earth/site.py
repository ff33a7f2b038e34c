"""A scene under construction: its ground, what is still free, and what stands on it so far."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from geopix.earth.canvas import UNITS, Canvas, Floats, Mask
from geopix.earth.geometry import Frame, Points
from geopix.earth.ground import NUMBER
from geopix.earth.light import Sun
from geopix.earth.noise import Textures
from geopix.earth.things import Thing, draw_thing

MOST_THINGS = 14


@dataclass(frozen=True)
class Tree:
    """A crown, in units."""

    x: float
    y: float
    radius: float


class Site:
    """Ground and things in the making.

    The layout's own axes u and v pass through the image's middle, turned by a random angle: streets, quays and rows
    of houses follow them, so no scene is aligned with the image's border.

    Attributes:
        u: float32[side, side], units along the layout's first axis; v: along its second.
        cover: uint8[side, side], index into `geopix.earth.ground.COVERS`.
        free: bool[256, 256], where nothing stands yet.
        open: bool[side, side], what the layout leaves to the lots: neither road nor water.
        wakes: The ships under way.
    """

    def __init__(self, canvas: Canvas, rng: np.random.Generator, noise: np.random.Generator) -> None:
        self.canvas = canvas
        self.rng = rng
        self.sun = Sun.draw(rng)
        self.textures = Textures.draw(noise, canvas.side)
        self.frame = Frame(UNITS / 2, UNITS / 2, float(rng.uniform(0, 2 * np.pi)))
        at = ((np.arange(canvas.side, dtype=np.float32) + 0.5) / canvas.scale - UNITS / 2).astype(np.float32)
        turn_cos, turn_sin = np.float32(np.cos(self.frame.angle)), np.float32(np.sin(self.frame.angle))
        self.u: Floats = at[None, :] * turn_cos + at[:, None] * turn_sin
        self.v: Floats = at[:, None] * turn_cos - at[None, :] * turn_sin
        self.cover = np.zeros((canvas.side, canvas.side), dtype=np.uint8)
        self.free = np.ones((UNITS, UNITS), dtype=np.bool_)
        self.open = np.ones_like(self.cover, dtype=np.bool_)
        self.things: list[Thing] = []
        self.wakes: list[Thing] = []
        self.trees: list[Tree] = []

    def lay(self, cover: str, region: Mask, colors: Floats) -> None:
        """Covers a region, bool[side, side], with a material, float32[side, side, 3]."""
        where = np.flatnonzero(region)
        self.canvas.pixels.reshape(-1, 3)[where] = colors.reshape(-1, 3)[where]
        self.cover.reshape(-1)[where] = NUMBER[cover]

    def mark(self, region: Mask, color: Floats, strength: float = 0.85) -> None:
        """Paints lines on the ground without changing the cover."""
        worn = strength * np.clip(0.85 + 0.2 * self.textures.patchy[region], 0.2, 1)
        spot = self.canvas.pixels[region]
        self.canvas.pixels[region] = spot + (color - spot) * worn[:, None]

    def put(
        self, category: str, frame: Frame, size_word: str | None = None, gap: float = 2.5, on: str | None = None
    ) -> bool:
        """Places a thing if it fits: enough of it inside the image, nothing in its way, its cover beneath it.

        Args:
            category: What to place.
            frame: Where, in the image's units.
            size_word: Which of the category's sizes, or any.
            gap: Units kept free around it.
            on: The cover that must lie under all of it, or any.

        Returns:
            Whether it was placed.
        """
        if len(self.things) >= MOST_THINGS:
            return False
        thing = draw_thing(category, frame, self.rng, size_word)
        ground = self._footprint(thing.outline, 0.0)
        if ground.sum() < 0.72 * _area(thing.outline):
            return False
        around = self._footprint(thing.outline, gap)
        if not self.free[around].all() or (on is not None and not self._covered(around, on)):
            return False
        self.free[around] = False
        self.things.append(thing)
        return True

    def close(self, region: Mask) -> None:
        """Withdraws a region, bool[side, side], from the lots: they neither paint nor build there."""
        self.open &= ~region
        self.reserve(region)

    def reserve(self, region: Mask) -> None:
        """Keeps a region, bool[side, side], free of things."""
        step = self._unit_pixels()
        self.free &= ~region[np.ix_(step, step)]

    def plant(self, x: float, y: float, radius: float) -> None:
        """Plants a tree unless its trunk would stand on a thing, a road or in water."""
        if not (0 <= x < UNITS and 0 <= y < UNITS):
            self.trees.append(Tree(x, y, radius))
            return
        tree = Tree(x, y, radius)
        if self._rooted(tree) and self.free[int(y), int(x)]:
            self.trees.append(tree)

    def drown(self) -> None:
        """Removes the trees that a new lake has flooded."""
        self.trees = [tree for tree in self.trees if self._rooted(tree)]

    def _rooted(self, tree: Tree) -> bool:
        row, column = (min(max(int(at * self.canvas.scale), 0), self.canvas.side - 1) for at in (tree.y, tree.x))
        return self.cover[row, column] in (NUMBER["grass"], NUMBER["soil"], NUMBER["forest"], NUMBER["farmland"])

    def _footprint(self, outline: Points, gap: float) -> Mask:
        centre = outline.mean(axis=0)
        reach = np.abs(outline - centre).max()
        grown = centre + (outline - centre) * (1 + gap / max(reach, 1.0))
        sheet = Image.new("L", (UNITS, UNITS))
        ImageDraw.Draw(sheet).polygon([(float(x), float(y)) for x, y in grown - 0.5], fill=1)
        return np.asarray(sheet, dtype=np.bool_)

    def _covered(self, around: Mask, cover: str) -> bool:
        step = self._unit_pixels()
        return bool((self.cover[np.ix_(step, step)][around] == NUMBER[cover]).all())

    def _unit_pixels(self) -> np.ndarray[tuple[int], np.dtype[np.int_]]:
        return ((np.arange(UNITS) + 0.5) * self.canvas.scale).astype(np.int_)


def _area(outline: Points) -> float:
    x, y = outline[:, 0], outline[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
