"""Charts over the page's width as plain geometry, which the templates draw as SVG: no script, one for both themes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import GeoPixError
from harness.masks import area
from harness.records import Record
from harness.report.formatting import Unit, number
from harness.report.runs import Run
from harness.results import MetricCard, Score

WIDTH, HEIGHT = 640.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 12.0, 40.0
BINS = 5
FEWEST = 30
Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Point:
    """A value in SVG units, with its interval where it has one, and in words."""

    x: float
    y: float
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True)
class Series:
    """One run's points, from left to right."""

    label: str
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """The line through the points."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)


@dataclass(frozen=True)
class Plot:
    """A chart of lines.

    Attributes:
        title: what it shows, in a sentence.
        x_label: what runs to the right.
        x_ticks, y_ticks: marks on the axes.
        series: the lines.
    """

    title: str
    x_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class _Axis:
    start: float
    end: float
    low: float
    high: float

    def at(self, value: float) -> float:
        share = (value - self.start) / (self.end - self.start) if self.end > self.start else 0.5
        return round(self.low + min(1.0, max(0.0, share)) * (self.high - self.low), 1)


def size_plot(
    runs: Sequence[Run], tables: Sequence[Mapping[str, Record]], scores: Sequence[Scores], card: MetricCard
) -> Plot | None:
    """Returns the samples' mean score against the size of the true mask; None where there are too few masks.

    The samples are cut by size into five groups of equal count; a point stands at its group's median size.

    Args:
        runs: the runs that have the task.
        tables: each run's records by sample id.
        scores: each run's scores by sample id.
        card: the metric that gave the scores.
    """
    sizes = _sizes(tables)
    if len(sizes) < BINS * FEWEST or not any(score is not None for found in scores for score in found.values()):
        return None
    ordered = sorted(sizes, key=lambda sample: (sizes[sample], sample))
    groups = [[str(sample) for sample in group] for group in np.array_split(np.array(ordered, dtype=object), BINS)]
    middles = [float(np.median([sizes[sample] for sample in group])) for group in groups]
    x = _Axis(math.log(middles[0]), math.log(middles[-1]), LEFT + 10, WIDTH - RIGHT - 10)
    means = [[_mean(found, group) for group in groups] for found in scores]
    y = _value_axis([value for row in means for value in row if value is not None], card.unit)
    return Plot(
        title=f"Mean {card.name} of the samples against the size of the true mask",
        x_label="true mask in pixels (logarithmic); each point is a fifth of the samples",
        x_ticks=tuple(Tick(x.at(math.log(middle)), f"{middle:,.0f}") for middle in middles),
        y_ticks=_ticks(y, card.unit),
        series=tuple(
            Series(run.label, tuple(_size_points(x, y, middles, row, card.unit)))
            for run, row in zip(runs, means, strict=True)
        ),
    )


def _size_points(
    x: _Axis, y: _Axis, middles: Sequence[float], means: Sequence[float | None], unit: Unit
) -> Iterable[Point]:
    for middle, mean in zip(middles, means, strict=True):
        if mean is not None:
            words = f"{middle:,.0f} pixels: {number(mean, unit)}"
            yield Point(x.at(math.log(middle)), y.at(mean), None, None, words)


def _sizes(tables: Sequence[Mapping[str, Record]]) -> dict[str, int]:
    """The pixels of the true masks by sample id, those above zero."""
    sizes: dict[str, int] = {}
    for table in tables:
        for name, record in table.items():
            if name not in sizes and record.target.masks:
                try:
                    sizes[name] = sum(area(mask) for mask in record.target.masks)
                except GeoPixError:
                    continue  # the sample's card says what is wrong with its mask
    return {name: size for name, size in sizes.items() if size > 0}


def _mean(scores: Scores, samples: Iterable[str]) -> float | None:
    known = [score for sample in samples if (score := scores.get(sample)) is not None]
    return sum(known) / len(known) if known else None


def step_plot(scores: Sequence[tuple[str, float, Score]], card: MetricCard, task: str) -> Plot | None:
    """Returns a score against the training step; None where fewer than two steps have one.

    Args:
        scores: a series' name, a step and a score for each run.
        card: the metric.
        task: the task's name.
    """
    known = sorted((point for point in scores if point[2].value is not None), key=lambda point: point[:2])
    steps = sorted({step for _, step, _ in known})
    if len(steps) < 2:
        return None
    x = _Axis(steps[0], steps[-1], LEFT + 10, WIDTH - RIGHT - 10)
    values = [value for _, _, score in known for value in (score.value, score.low, score.high) if value is not None]
    y = _value_axis(values, card.unit)
    names = dict.fromkeys(name for name, _, _ in known)
    return Plot(
        title=f"{task}: {card.name} against the training step, with 95 % intervals",
        x_label="training step",
        x_ticks=tuple(Tick(x.at(step), f"{step:,g}") for step in _spread(steps)),
        y_ticks=_ticks(y, card.unit),
        series=tuple(
            Series(name, tuple(_step_point(x, y, step, score, card.unit) for own, step, score in known if own == name))
            for name in names
        ),
    )


def _spread(steps: Sequence[float], most: int = 6) -> Sequence[float]:
    return steps if len(steps) <= most else [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)]


def _step_point(x: _Axis, y: _Axis, step: float, score: Score, unit: Unit) -> Point:
    low, high = (None if end is None else y.at(end) for end in (score.low, score.high))
    value = score.value or 0.0
    return Point(x.at(step), y.at(value), low, high, f"step {step:,g}: {number(value, unit)}")


def _value_axis(values: Sequence[float], unit: Unit) -> _Axis:
    if unit == "percent":
        return _Axis(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.05 or 0.5
    return _Axis(low - room, high + room, HEIGHT - BOTTOM, TOP)


def _ticks(axis: _Axis, unit: Unit) -> tuple[Tick, ...]:
    values = (axis.start + (axis.end - axis.start) * i / 4 for i in range(5))
    return tuple(Tick(axis.at(value), number(value, unit)) for value in values)
