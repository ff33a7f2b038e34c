"""From values to 8 bits."""

import numpy as np
import pytest

from geopix.prediction.stretch import Percentiles, ValueRange, parse_stretch, to_bytes
from harness.errors import ConfigurationError


@pytest.mark.parametrize(
    "text", ["", "1", "1,2,3", "5,5", "9,1", "2%,98", "nan,1", "0,inf", "-1%,50%", "0%,101%", "a,b"]
)
def test_what_is_no_stretch_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--stretch: expected two rising values, 0,10000 for example"):
        parse_stretch(text)


def test_percentiles_leave_out_the_few_brightest() -> None:
    values = np.concatenate([np.arange(1, 100), [60_000]])
    low, high = Percentiles(0, 90).limits(values)
    assert (low, high) == pytest.approx((1, 90.1))
    assert ValueRange(3, 4).limits(values) == (3, 4)


def test_a_constant_band_and_what_is_no_number_are_black() -> None:
    assert to_bytes(np.full(3, 7.0), (7, 7)).tolist() == [0, 0, 0]
    assert to_bytes(np.array([np.nan, -np.inf, np.inf]), (0, 10)).tolist() == [0, 0, 255]


def test_whole_numbers_do_not_overflow() -> None:
    assert to_bytes(np.array([0, 2**16 - 1], np.uint16), (0, 2**16 - 1)).tolist() == [0, 255]
    assert to_bytes(np.array([-(2**15), 2**15 - 1], np.int16), (-(2**15), 2**15 - 1)).tolist() == [0, 255]
