"""Arithmetic on run-length encodings equals arithmetic on pixels, and malformed encodings never reach C code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from harness import masks
from harness.errors import SampleError
from harness.records import Mask

Pixels = NDArray[np.bool_]
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


@st.composite
def layers(draw: Any, count: int = 2) -> list[Pixels]:
    """Some masks of one size."""
    shape = draw(SHAPES)
    return [draw(arrays(np.bool_, shape)) for _ in range(count)]


@given(layers(1))
def test_pixels_come_back(pixels: list[Pixels]) -> None:
    assert np.array_equal(masks.decode(masks.encode(pixels[0])), pixels[0])


@given(layers(1))
def test_run_lengths_count_down_the_columns(pixels: list[Pixels]) -> None:
    mask = masks.encode(pixels[0])
    lengths = masks.runs(mask)
    values = np.arange(len(lengths)) % 2 == 1
    assert np.array_equal(np.repeat(values, lengths), pixels[0].ravel(order="F"))
    assert masks.from_runs(mask.size, lengths) == mask
    assert masks.area(mask) == pixels[0].sum()


@given(layers(2))
def test_overlap_equals_counting_pixels(pair: list[Pixels]) -> None:
    one, other = map(masks.encode, pair)
    assert masks.overlap(one, other) == ((pair[0] & pair[1]).sum(), (pair[0] | pair[1]).sum())


@given(layers(3))
def test_union_and_exactly_one_equal_counting_pixels(three: list[Pixels]) -> None:
    encoded = [masks.encode(pixels) for pixels in three]
    assert np.array_equal(masks.decode(masks.union(encoded)), np.any(three, axis=0))
    assert np.array_equal(masks.decode(masks.exactly_one(encoded)), np.sum(three, axis=0) == 1)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12).filter(lambda lengths: sum(lengths) > 0))
def test_empty_runs_between_others_do_not_spoil_the_arithmetic(lengths: list[int]) -> None:
    size = (1, sum(lengths))
    pixels = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)[None]
    mask = masks.from_json({"size": list(size), "counts": lengths})
    assert np.array_equal(masks.decode(mask), pixels)
    assert masks.runs(mask)[1:].all()
    assert masks.overlap(mask, masks.encode(~pixels)) == (0, pixels.size)


def test_a_compressed_mask_with_empty_runs_is_rewritten() -> None:
    # 1 background, 2 mask, 0 background, 3 mask: "1", "2", "0", and the fourth number as its difference 3 - 2.
    assert masks.checked(Mask((2, 3), "1201")) == masks.from_runs((2, 3), [1, 5])


def test_parity_cases_have_their_runs_and_areas(shared: Path) -> None:
    for case in json.loads((shared / "parity/metrics/seg_cases.json").read_bytes()):
        for side in ("gt", "pred"):
            stored = case[side]
            mask = masks.from_json({"size": stored["size"], "counts": stored["counts"]})
            assert masks.runs(mask).tolist() == stored["counts_uncompressed"]
            assert masks.from_json({"size": stored["size"], "counts": stored["counts_uncompressed"]}) == mask


@given(height=st.integers(-2, 40), width=st.integers(-2, 40), counts=st.text(max_size=12))
def test_any_text_is_a_mask_or_a_reasoned_refusal(height: int, width: int, counts: str) -> None:
    try:
        mask = masks.checked(Mask((height, width), counts))
    except SampleError:
        return
    assert masks.decode(mask).shape == (height, width)


LETTERS = st.text(alphabet=[chr(code) for code in range(48, 112)], min_size=1, max_size=16)


@given(size=SHAPES, counts=LETTERS)
def test_any_text_of_the_right_letters_is_a_mask_or_a_reasoned_refusal(size: tuple[int, int], counts: str) -> None:
    try:
        mask = masks.checked(Mask(size, counts))
    except SampleError:
        return
    assert masks.area(mask) == masks.decode(mask).sum()


@pytest.mark.parametrize(
    ("size", "counts", "message"),
    [
        ((2, 2), "", "no COCO run-length encoding"),
        ((2, 2), "4é", "a character is not one of its letters"),
        ((2, 2), "4P", "a character is not one of its letters"),
        ((2, 2), "PPPPPPPP4", "a number in it is too long"),
        ((2, 2), "5", "expected 2 x 2 = 4 pixels, found 5"),
        ((2, 2), "13", None),
        ((2, 2), "1O4", "found a run of -1"),
        ((0, 2), "0", "its height and width in pixels, found 0 x 2"),
        ((2**20, 2**20), "0", "its height and width in pixels"),
    ],
)
def test_malformed_masks_are_refused_with_the_reason(size: tuple[int, int], counts: str, message: str | None) -> None:
    if message is None:
        assert masks.checked(Mask(size, counts)).counts == counts
        return
    with pytest.raises(SampleError, match=message):
        masks.checked(Mask(size, counts))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "a mask needs `size`"),
        ({"counts": "4"}, "a mask needs `size`"),
        ({"size": [2], "counts": "4"}, "two whole numbers"),
        ({"size": [2, 2.0], "counts": "4"}, "two whole numbers"),
        ({"size": [2, 2], "counts": None}, "COCO's compressed text or a list of run lengths"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "COCO's compressed text or a list of run lengths"),
        ({"size": [2, 2], "counts": [10**30]}, "COCO's compressed text or a list of run lengths"),
        ({"size": [2, 2], "counts": [1, 2]}, "expected 2 x 2 = 4 pixels, found 3"),
        ({"size": [2, 2], "counts": [-1, 5]}, "found a run of -1"),
        ({"size": [2, 2], "counts": []}, "expected 2 x 2 = 4 pixels, found 0"),
    ],
)
def test_json_that_is_no_mask_is_refused_with_the_reason(value: Any, message: str) -> None:
    with pytest.raises(SampleError, match=message):
        masks.from_json(value)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([1, 1, 2, 2], "three corners or more, x and y each; found 4 numbers"),
        ([1, 1, 2, 2, 3, 3, 4], "found 7 numbers"),
        ([0, 0, float("nan"), 1, 1, 1], "not within 100000 pixels"),
        ([0, 0, 1e9, 1, 1, 1], "not within 100000 pixels"),
    ],
)
def test_polygons_that_cannot_be_filled_are_refused(corners: list[float], message: str) -> None:
    with pytest.raises(SampleError, match=message):
        masks.from_polygons((10, 10), [corners])


def test_masks_of_different_sizes_are_not_compared() -> None:
    with pytest.raises(
        SampleError, match=r"masks of 2 x 3 pixels and 3 x 2 pixels cannot be compared. Resize predicted masks"
    ):
        masks.overlap(masks.empty((2, 3)), masks.empty((3, 2)))


def test_an_empty_mask_has_no_pixel() -> None:
    assert masks.area(masks.empty((4, 5))) == 0
    assert masks.overlap(masks.empty((4, 5)), masks.empty((4, 5))) == (0, 0)
