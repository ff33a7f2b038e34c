"""Masks to boxes and back: what a model without the one is scored by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SampleError
from harness.masks import box_of, boxes_of, decode, empty, encode, from_runs, iou_matrix, masks_of, overlap
from harness.records import Box

SIZE = (7, 9)
edges = st.floats(-4, 14)


@given(x=st.tuples(edges, edges), y=st.tuples(edges, edges))
def test_a_rectangle_has_the_pixels_whose_centres_are_in_the_box(x: Box, y: Box) -> None:
    (x0, x1), (y0, y1) = sorted(x), sorted(y)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    inside = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
    (mask,) = masks_of([(x0, y0, x1, y1)], SIZE)
    assert np.array_equal(decode(mask), inside)


@given(st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(1, 9), st.integers(1, 7)))
def test_a_rectangles_box_is_the_box(corners: tuple[int, int, int, int]) -> None:
    x, y, width, height = corners
    box = (float(x), float(y), float(min(x + width, 9)), float(min(y + height, 7)))
    assert boxes_of(masks_of([box], SIZE)) == (box,)


def test_a_box_is_tight_around_scattered_pixels() -> None:
    pixels = np.zeros(SIZE, dtype=bool)
    pixels[2, 3] = pixels[5, 7] = True
    assert box_of(encode(pixels)) == (3, 2, 8, 6)


def test_a_mask_without_a_pixel_has_no_box() -> None:
    assert box_of(empty(SIZE)) is None
    assert boxes_of([empty(SIZE), from_runs((1, 2), [1, 1])]) == ((1, 0, 2, 1),)


@pytest.mark.parametrize(("box", "found"), [((3, 0, 1, 1), "3, 0, 1, 1"), ((0, 0, float("nan"), 1), "0, 0, nan, 1")])
def test_what_is_no_box_is_refused(box: Box, found: str) -> None:
    with pytest.raises(SampleError, match=f"x0 <= x1 and y0 <= y1, found {found}"):
        masks_of([box], SIZE)


def test_every_pair_has_its_iou() -> None:
    masks = [from_runs((2, 3), runs) for runs in ([0, 3, 3], [2, 3, 1], [0, 6])]
    found = iou_matrix(masks, masks[:2])
    for row, one in zip(found, masks, strict=True):
        for iou, other in zip(row, masks[:2], strict=True):
            intersection, union = overlap(one, other)
            assert iou == pytest.approx(intersection / union, abs=1e-15)
    assert iou_matrix([], masks).shape == (0, 3)
    assert iou_matrix(masks, []).shape == (3, 0)


def test_masks_of_two_sizes_have_no_iou() -> None:
    with pytest.raises(SampleError, match=r"masks of 1 x 2 pixels and 7 x 9 pixels cannot be compared"):
        iou_matrix([empty(SIZE)], [empty((1, 2))])
