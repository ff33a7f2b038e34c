"""How windows cover a scene."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geopix.prediction.tiles import Tiling, Window, whole
from harness.errors import ConfigurationError


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 20), st.integers(0, 19))
@settings(max_examples=100, deadline=None)
def test_tiles_cover_every_pixel_and_share_the_overlap(width: int, height: int, side: int, overlap: int) -> None:
    windows = list(Tiling(side, min(overlap, side - 1)).windows(width, height))
    assert len(set(windows)) == len(windows)
    seen = {(x, y) for w in windows for x in range(w.x, w.right) for y in range(w.y, w.bottom)}
    assert seen == {(x, y) for x in range(width) for y in range(height)}
    assert all((w.width, w.height) == (min(side, width), min(side, height)) for w in windows)
    row = sorted({w.x for w in windows})
    assert all(one + side - other >= min(overlap, side - 1) for one, other in pairwise(row))
    assert windows == sorted(windows, key=lambda w: (w.y, w.x))


def test_windows_that_touch_share_nothing() -> None:
    assert Window(0, 0, 4, 4).shared(Window(4, 0, 4, 4)) is None
    assert whole(7, 5) == [Window(0, 0, 7, 5)]


@pytest.mark.parametrize("overlap", [16, -1])
def test_an_overlap_must_be_below_the_side(overlap: int) -> None:
    with pytest.raises(
        ConfigurationError, match=f"--overlap: expected 0 to 15 pixels for tiles of 16, found {overlap}"
    ):
        Tiling(16, overlap)
