"""From a band's values, 16-bit or float, to the 8 bits that a model looks at."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from harness.errors import ConfigurationError

Values = npt.NDArray[Any]


class Stretch(Protocol):
    """Decides which values of a band become black and white."""

    def limits(self, values: Values) -> tuple[float, float]:
        """Returns the values that become 0 and 255, from a sample [N] of the band's valid values, N above 0."""


@dataclass(frozen=True)
class Percentiles:
    """Takes the limits from the band's own values, so that a few bright pixels do not darken the rest.

    Attributes:
        low: the percentile that becomes 0.
        high: the percentile that becomes 255.
    """

    low: float
    high: float

    def limits(self, values: Values) -> tuple[float, float]:
        """Returns the two percentiles, interpolated linearly.

        >>> Percentiles(0, 50).limits(np.array([10, 20, 30]))
        (10.0, 20.0)
        """
        low, high = np.percentile(values, (self.low, self.high))
        return float(low), float(high)


@dataclass(frozen=True)
class ValueRange:
    """Takes the same limits for every band and image: two images can be compared.

    Attributes:
        low: the value that becomes 0.
        high: the value that becomes 255.
    """

    low: float
    high: float

    def limits(self, values: Values) -> tuple[float, float]:
        """Returns the two values."""
        return self.low, self.high


def parse_stretch(text: str) -> Stretch:
    """Reads `LOW,HIGH` in values, `LOW%,HIGH%` in percentiles.

    >>> parse_stretch("2%,98%"), parse_stretch("0,10000")
    (Percentiles(low=2.0, high=98.0), ValueRange(low=0.0, high=10000.0))

    Raises:
        ConfigurationError: the text is neither.
    """
    words = [word.strip() for word in text.split(",")]
    percent = all(word.endswith("%") for word in words)
    try:
        low, high = (float(word.removesuffix("%") if percent else word) for word in words)
    except ValueError:
        low, high = np.nan, np.nan
    if not (low < high and np.isfinite([low, high]).all()) or (percent and not 0 <= low < high <= 100):
        raise ConfigurationError(
            f"--stretch: expected two rising values, 0,10000 for example, or percentiles, 2%,98%; found {text!r}."
        )
    return Percentiles(low, high) if percent else ValueRange(low, high)


def to_bytes(values: Values, limits: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Stretches values linearly to 0..255, rounded and clipped; a value that is no number becomes 0.

    >>> to_bytes(np.array([-5, 0, 50, 100, 900]), (0, 100)).tolist()
    [0, 0, 128, 255, 255]
    """
    low, high = limits
    known = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    scaled = (known - low) * 255 / (high - low) if high > low else np.zeros_like(known)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
