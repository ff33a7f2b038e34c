"""Tree crowns: all of a scene's crowns are drawn in one go, each a lumpy dome lit from the sun's side."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geopix.earth.canvas import Canvas
from geopix.earth.light import Sun
from geopix.earth.noise import Textures
from geopix.earth.site import Tree

LEAVES = np.array([[0.20, 0.28, 0.13], [0.24, 0.32, 0.15], [0.17, 0.26, 0.13], [0.29, 0.34, 0.17], [0.25, 0.27, 0.13]])


def paint_trees(
    canvas: Canvas, trees: list[Tree], sun: Sun, textures: Textures, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Paints crowns and their shadows over everything; the labels beneath are hidden.

    Returns:
        bool[side, side], where a crown is.
    """
    crowns = np.zeros((canvas.side, canvas.side), dtype=np.int32)
    if not trees:
        return crowns.astype(np.bool_)
    centres = np.array([(tree.x, tree.y) for tree in trees]) * canvas.scale
    radii = np.array([tree.radius for tree in trees]) * canvas.scale
    outlines = _outlines(centres, radii, rng)
    _shade_ground(canvas, outlines, radii, sun)
    sheet = Image.fromarray(crowns)
    pen = ImageDraw.Draw(sheet)
    for number, outline in enumerate(outlines, start=1):
        pen.polygon(outline.ravel().tolist(), fill=number)
    crowns = np.asarray(sheet)
    rows, columns = np.nonzero(crowns)
    which = crowns[rows, columns] - 1
    outward = (np.stack([columns, rows], axis=1) - centres[which]) / radii[which][:, None]
    texture = 0.16 * textures.fine[rows, columns] + 0.13 * textures.grain[rows, columns]
    light = 1.0 + 0.36 * outward @ np.array(sun.toward) + texture
    canvas.pixels[rows, columns] = _leaves(len(trees), rng)[which] * np.clip(light, 0.35, 1.7)[:, None]
    canvas.labels[crowns > 0] = 0
    return crowns > 0


def _outlines(
    centres: NDArray[np.float64], radii: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    turns = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    lumps = 1 + 0.13 * rng.standard_normal((len(radii), 18))
    rims = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * (lumps * radii[:, None])[..., None]
    return np.asarray(centres[:, None, :] + rims, dtype=np.float64)


def _shade_ground(canvas: Canvas, outlines: NDArray[np.float64], radii: NDArray[np.float64], sun: Sun) -> None:
    sheet = Image.new("1", (canvas.side, canvas.side))
    pen = ImageDraw.Draw(sheet)
    for outline, radius in zip(outlines, radii, strict=True):
        reach = np.array(sun.shadow) * radius * 1.5
        for step in (0.25, 0.5, 0.75, 1.0):
            pen.polygon((outline + reach * step).ravel().tolist(), fill=1)
    fresh = np.asarray(sheet) & ~canvas.shaded
    canvas.pixels[fresh] *= sun.shade
    canvas.shaded |= fresh


def _leaves(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    shades = LEAVES[rng.integers(len(LEAVES), size=count)] * rng.uniform(0.85, 1.2, (count, 1))
    return np.asarray(shades, dtype=np.float64)
