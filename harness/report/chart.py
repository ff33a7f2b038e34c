"""Where a score's dot and interval lie on a small scale."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.report.formatting import Unit, number
from harness.results import Score

WIDTH = 160.0
MARGIN = 4.0


@dataclass(frozen=True)
class Dot:
    """A score on its scale, in SVG units from 0 to `WIDTH`; the ends are None where there is no interval."""

    at: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Scale:
    """The range of values that a chart's width stands for."""

    start: float
    end: float

    def place(self, value: float) -> float:
        """Returns a value's horizontal position.

        >>> Scale(0, 1).place(0.5)
        80.0
        """
        share = (value - self.start) / (self.end - self.start)
        return round(MARGIN + min(1.0, max(0.0, share)) * (WIDTH - 2 * MARGIN), 1)

    def dot(self, score: Score) -> Dot | None:
        """Returns where a score lies; None where it is undefined."""
        if score.value is None:
            return None
        if score.low is None or score.high is None:
            return Dot(self.place(score.value), None, None)
        return Dot(self.place(score.value), self.place(score.low), self.place(score.high))

    def describe(self, unit: Unit) -> str:
        """Returns the range in the metric's unit.

        >>> Scale(0, 1).describe("percent")
        '0.0 to 100.0'
        """
        return f"{number(self.start, unit)} to {number(self.end, unit)}"


def scale(scores: Iterable[Score], unit: Unit) -> Scale:
    """Returns the scale that scores share: 0 to 100 for percentages, else what the scores and intervals span.

    >>> scale([Score("bleu", 2.0, 1.0, 3.0, n=9, clusters=9)], "score")
    Scale(start=1.0, end=3.0)
    """
    if unit == "percent":
        return Scale(0.0, 1.0)
    values = [value for score in scores for value in (score.value, score.low, score.high) if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    return Scale(low, high) if high > low else Scale(low - 0.5, high + 0.5)
