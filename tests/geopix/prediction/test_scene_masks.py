"""Masks as places against the same masks drawn."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geopix.prediction.scene_masks import SceneMask, union
from geopix.prediction.tiles import Window
from harness.masks import decode, encode

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


@st.composite
def placed(draw: st.DrawFn, size: tuple[int, int] | None = None) -> tuple[npt.NDArray[np.bool_], SceneMask]:
    """A window's pixels in a scene: drawn as a whole, and as places."""
    height, width = size or draw(SIZES)
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    window = Window(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    bits = draw(st.lists(st.booleans(), min_size=window.width * window.height, max_size=window.width * window.height))
    pixels = np.array(bits).reshape(window.height, window.width)
    drawn = np.zeros((height, width), np.bool_)
    drawn[window.y : window.bottom, window.x : window.right] = pixels
    return drawn, SceneMask.placed(pixels, window, (height, width))


@given(placed())
@settings(max_examples=60, deadline=None)
def test_a_placed_mask_is_the_mask_drawn(both: tuple[npt.NDArray[np.bool_], SceneMask]) -> None:
    drawn, mask = both
    assert (np.diff(mask.edges) > 0).all()
    assert mask.area == drawn.sum()
    assert mask.to_rle() == encode(drawn)
    assert np.array_equal(mask.inside(Window(0, 0, drawn.shape[1], drawn.shape[0])), drawn)
    rows, columns = drawn.any(axis=1).nonzero()[0], drawn.any(axis=0).nonzero()[0]
    if not len(rows):
        assert mask.window is None
        assert list(mask.stripes(2)) == []
        return
    assert mask.window is not None
    assert (mask.window.x, mask.window.right) == (columns[0], columns[-1] + 1)
    if (mask.window.y, mask.window.bottom) != (0, drawn.shape[0]):  # a run over a column's end takes the full height
        assert (mask.window.y, mask.window.bottom) == (rows[0], rows[-1] + 1)
    whole = np.zeros_like(drawn)
    for stripe, pixels in mask.stripes(2):
        assert stripe.width <= 2
        whole[stripe.y : stripe.bottom, stripe.x : stripe.right] = pixels
    assert np.array_equal(whole, drawn)


@given(placed((5, 6)), st.integers(0, 5), st.integers(0, 4), st.integers(1, 6), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_a_window_of_a_mask_is_that_of_the_drawn_one(
    both: tuple[npt.NDArray[np.bool_], SceneMask], x: int, y: int, width: int, height: int
) -> None:
    drawn, mask = both
    window = Window(x, y, min(width, 6 - x), min(height, 5 - y))
    assert np.array_equal(mask.inside(window), drawn[window.y : window.bottom, window.x : window.right])


@given(st.lists(placed((4, 5)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_union_is_that_of_the_drawn_masks(several: list[tuple[npt.NDArray[np.bool_], SceneMask]]) -> None:
    drawn = np.logical_or.reduce([pixels for pixels, _ in several])
    united = union([mask for _, mask in several])
    assert np.array_equal(decode(united.to_rle()), drawn)
    assert united.area == drawn.sum()
    assert len(several) == 1 or (np.diff(united.edges) > 0).all()


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_a_scene_that_could_not_be_drawn(value: bool) -> None:
    mask = SceneMask.placed(np.full((3, 4), value), Window(40_000, 30_000, 4, 3), (45_000, 47_000))
    assert mask.area == 12 * value
    assert mask.window == (Window(40_000, 30_000, 4, 3) if value else None)
    assert mask.to_rle().size == (45_000, 47_000)
