"""A mask's outline is a polygon of exactly its pixels."""

import numpy as np
import pytest

from geopix.earth.outlines import outline
from geopix.earth.scene import Scene
from harness.masks import encode, from_polygons


def filled(mask: np.ndarray) -> object:
    corners = [float(value) for point in outline(mask) for value in point]
    return from_polygons(mask.shape, [corners])[0]


def test_outlines_of_things_are_exact(scenes: list[Scene]) -> None:
    instances = [instance for scene in scenes for instance in scene.instances]
    assert {instance.category for instance in instances} >= {"airplane", "ship", "building"}
    for instance in instances:
        assert filled(instance.mask) == encode(instance.mask)


@pytest.mark.parametrize(
    "rows",
    [
        ["X"],
        ["X.X"],
        ["XXX", "X.X", "XXX"],
        ["X.", ".X"],
        ["X..X", ".XX.", "X..X"],
        ["XXXXX", "X...X", "X.X.X", "X...X", "XXXXX"],
    ],
)
def test_parts_and_holes_are_kept(rows: list[str]) -> None:
    mask = np.array([[letter == "X" for letter in row] for row in rows])
    assert filled(mask) == encode(mask)
