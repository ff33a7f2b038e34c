"""What the data can tell apart: each run's tie group in each column, and its difference from a baseline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.comparison.difference import Difference, paired_difference
from harness.comparison.evidence import Evidence, metric_of
from harness.comparison.holm import holm
from harness.comparison.pairing import pair
from harness.comparison.ranking import ALPHA, Contest, Standing, rank
from harness.errors import GeoPixError
from harness.results import MetricCard

Key = tuple[str, str]


@dataclass(frozen=True)
class Field:
    """Runs that may be compared in one column of the board.

    Attributes:
        column: the column's key.
        metric: the metric's name in the task.
        entrants: one a run.
    """

    column: str
    metric: str
    entrants: tuple[Evidence, ...]

    @property
    def card(self) -> MetricCard:
        """The metric."""
        return self.entrants[0].card(self.metric)


@dataclass(frozen=True)
class Delta:
    """A run's difference from the baseline.

    Attributes:
        difference: the paired comparison.
        p_value: its p-value after Holm's correction over all differences on the board; None where there is no test.
        higher: whether more is better.
    """

    difference: Difference
    p_value: float | None
    higher: bool

    @property
    def mark(self) -> str:
        """▲ significantly better, ▼ significantly worse, = not separable, ? without a test."""
        if self.p_value is None or self.difference.value is None:
            return "?"
        if self.p_value > ALPHA or self.difference.value == 0:
            return "="
        return "▲" if (self.difference.value > 0) == self.higher else "▼"

    @property
    def words(self) -> str:
        """The mark in words."""
        return {
            "▲": "better than the baseline",
            "▼": "worse than the baseline",
            "=": "not separable from the baseline",
            "?": "no test",
        }[self.mark]


@dataclass(frozen=True)
class Standings:
    """Everything that the board says of order.

    Attributes:
        places: each run's standing by column and label; only where two runs or more may be compared.
        deltas: each run's difference from the baseline, likewise.
        baseline: the baseline's label; None where none was chosen.
        pairs: how many comparisons the tie groups rest on, all corrected together.
        seed: of the tests.
        tests: the names of the tests that the differences rest on.
        notes: why columns have no tie groups.
    """

    places: Mapping[Key, Standing]
    deltas: Mapping[Key, Delta]
    baseline: str | None
    pairs: int
    seed: int
    tests: tuple[str, ...]
    notes: tuple[str, ...]
    alpha: float = ALPHA


def standings(fields: Iterable[Field], baseline: str | None, seed: int) -> Standings:
    """Returns tie groups and differences, corrected after Holm over all columns together.

    Args:
        fields: the groups of comparable runs.
        baseline: the label of the run that others are compared with; None for none.
        seed: of the bootstrap and the tests.
    """
    usable, notes = _usable(field for field in fields if len(field.entrants) > 1)
    ranked = rank([Contest(field.metric, field.entrants) for field in usable], seed=seed)
    places = {
        (field.column, standing.label): standing
        for field, found in zip(usable, ranked, strict=True)
        for standing in found
    }
    deltas = _deltas(usable, baseline, seed) if baseline else {}
    return Standings(
        places=places,
        deltas=deltas,
        baseline=baseline,
        pairs=sum(len(field.entrants) * (len(field.entrants) - 1) // 2 for field in usable),
        seed=seed,
        tests=tuple(sorted({delta.difference.test for delta in deltas.values() if delta.difference.test})),
        notes=tuple(notes),
    )


def _usable(fields: Iterable[Field]) -> tuple[list[Field], list[str]]:
    """The fields whose runs can be paired and whose metric is installed, and why the others cannot be tested."""
    usable, notes = [], []
    for field in fields:
        try:
            metric_of(field.card)
            for entrant in field.entrants[1:]:
                pair(field.entrants[0], entrant, field.metric)
        except GeoPixError as error:
            notes.append(f"{field.column}: {error}")
        else:
            usable.append(field)
    return usable, notes


def _deltas(fields: Sequence[Field], baseline: str, seed: int) -> dict[Key, Delta]:
    found = list(_differences(fields, baseline, seed))
    adjusted = holm([difference.p_value for _, difference, _ in found])
    return {
        key: Delta(difference, p_value, higher)
        for (key, difference, higher), p_value in zip(found, adjusted, strict=True)
    }


def _differences(fields: Sequence[Field], baseline: str, seed: int) -> Iterator[tuple[Key, Difference, bool]]:
    for field in fields:
        base = next((entrant for entrant in field.entrants if entrant.label == baseline), None)
        for head in field.entrants if base else ():
            if base is not None and head is not base:
                metric, higher = metric_of(field.card), field.card.direction == "higher"
                pairs = pair(base, head, field.metric)
                yield (field.column, head.label), paired_difference(metric, pairs, seed=seed), higher
