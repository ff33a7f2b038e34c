"""Scenes: the same bytes for the same seed, and masks that are exactly what is seen."""

import numpy as np
import pytest

from geopix.earth.scene import Scene, _voted, make_scene
from geopix.earth.things import CATEGORIES


def test_a_seed_gives_one_scene_and_another_seed_another() -> None:
    first, again, other = make_scene(5, 128), make_scene(5, 128), make_scene(6, 128)
    assert np.array_equal(first.image, again.image)
    assert [one.box for one in first.instances] == [one.box for one in again.instances]
    assert not np.array_equal(first.image, other.image)


def test_the_layout_does_not_depend_on_the_size() -> None:
    small, large = make_scene(11, 128), make_scene(11, 256)
    assert small.theme == large.theme
    assert [one.category for one in small.instances] == [one.category for one in large.instances]
    assert all(
        np.allclose(one.centre, other.centre, atol=0.03)
        for one, other in zip(small.instances, large.instances, strict=True)
    )


def test_masks_share_no_pixel_and_boxes_are_tight(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.image.shape == (160, 160, 3)
        assert scene.image.dtype == np.uint8
        assert 1 <= len(scene.instances) <= 14
        assert sum(one.mask.astype(int) for one in scene.instances).max() == 1
        for one in scene.instances:
            rows, columns = np.nonzero(one.mask)
            assert one.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert one.mask.shape == (160, 160)
            assert one.category in CATEGORIES


def test_covers_leave_the_instances_out(scenes: list[Scene]) -> None:
    for scene in scenes:
        things = np.any([one.mask for one in scene.instances], axis=0)
        assert sum(cover.astype(int) for cover in scene.covers.values()).max() == 1
        assert not any((cover & things).any() for cover in scene.covers.values())


def test_ships_float_and_every_scene_is_inhabited() -> None:
    for seed in range(12):
        scene = make_scene(seed, 64)
        assert scene.instances
        afloat = any(one.category == "ship" for one in scene.instances)
        assert scene.covers["water"].any() or not afloat


def test_the_picture_is_natural(scenes: list[Scene]) -> None:
    for scene in scenes:
        light = scene.image.astype(float)
        assert 40 < light.mean() < 200
        assert light.std() > 12  # not flat
        saturated = (light.max(axis=-1) - light.min(axis=-1)) > 200
        assert saturated.mean() < 0.002  # no pure colours


@pytest.mark.parametrize(
    ("block", "label"),
    [([0, 0, 0, 7], 0), ([0, 0, 7, 7], 7), ([7, 7, 9, 9], 9), ([0, 7, 7, 9], 7), ([0, 5, 7, 9], 0), ([5, 5, 7, 9], 5)],
)
def test_a_pixel_bears_the_label_of_half_its_subpixels(block: list[int], label: int) -> None:
    assert _voted(np.array(block, dtype=np.int16).reshape(2, 2)).tolist() == [[label]]
