"""Which masks and boxes of tiles are one target."""

import numpy as np

from geopix.prediction.merging import Box, TileAnswer, merge_boxes, merge_masks
from geopix.prediction.scene_masks import SceneMask
from geopix.prediction.tiles import Window

SIZE = (10, 20)
LEFT, RIGHT = Window(0, 0, 12, 10), Window(8, 0, 12, 10)


def rectangle(x0: int, y0: int, x1: int, y1: int) -> SceneMask:
    return SceneMask.placed(np.ones((y1 - y0, x1 - x0), np.bool_), Window(x0, y0, x1 - x0, y1 - y0), SIZE)


def tile(window: Window, *masks: SceneMask, boxes: tuple[Box, ...] = ()) -> TileAnswer:
    return TileAnswer(window, "", 0, None, masks, boxes)


def test_parts_that_agree_where_both_tiles_look_are_one() -> None:
    merged = merge_masks([tile(LEFT, rectangle(2, 2, 12, 4)), tile(RIGHT, rectangle(8, 2, 18, 4))])
    assert [mask.window for mask in merged] == [Window(2, 2, 16, 2)]
    assert merged[0].area == 32


def test_neighbours_that_touch_a_little_stay_two() -> None:
    # In the overlap, 4 x 4 and 4 x 4 pixels share one row of four: a quarter of either.
    merged = merge_masks([tile(LEFT, rectangle(6, 0, 12, 4)), tile(RIGHT, rectangle(8, 3, 14, 7))])
    assert len(merged) == 2
    # Two rows of four are half of either: one target.
    assert len(merge_masks([tile(LEFT, rectangle(6, 0, 12, 4)), tile(RIGHT, rectangle(8, 2, 14, 6))])) == 1


def test_a_small_part_within_a_large_one_joins_it() -> None:
    merged = merge_masks([tile(LEFT, rectangle(0, 0, 12, 10)), tile(RIGHT, rectangle(9, 4, 10, 5))])
    assert [mask.area for mask in merged] == [120]


def test_masks_of_one_tile_are_joined_only_through_another() -> None:
    two = (rectangle(0, 0, 5, 2), rectangle(3, 0, 6, 2))
    assert len(merge_masks([tile(LEFT, *two), tile(RIGHT)])) == 2
    ends = (rectangle(4, 0, 12, 1), rectangle(4, 3, 12, 4))
    merged = merge_masks([tile(LEFT, *ends), tile(RIGHT, rectangle(8, 0, 14, 4))])
    assert [mask.area for mask in merged] == [4 + 4 + 24]


def test_empty_masks_stay_with_one_tile_and_go_with_several() -> None:
    nothing = rectangle(3, 3, 3, 3)
    assert merge_masks([tile(LEFT, nothing)]) == (nothing,)
    assert merge_masks([tile(LEFT, nothing), tile(RIGHT)]) == ()


def test_tiles_that_do_not_overlap_join_nothing() -> None:
    apart = [tile(Window(0, 0, 10, 10), rectangle(5, 0, 10, 5)), tile(Window(10, 0, 10, 10), rectangle(10, 0, 15, 5))]
    assert [mask.area for mask in merge_masks(apart)] == [25, 25]


def test_spoken_boxes_are_joined_by_the_same_rule() -> None:
    one, other, apart = (2.0, 2.0, 12.0, 4.0), (8.0, 2.5, 18.0, 4.5), (8.0, 6.0, 9.0, 9.0)
    boxes = merge_boxes([tile(LEFT, boxes=(one,)), tile(RIGHT, boxes=(other, apart))])
    assert boxes == ((2, 2, 18, 4.5), (8, 6, 9, 9))
    assert merge_boxes([tile(LEFT, boxes=(one, one))]) == (one, one)
    assert merge_boxes([tile(LEFT), tile(RIGHT)]) == ()
