"""Runs against each other, sample by sample: how often one is better, worse, or the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from harness.report.runs import Run, Set


@dataclass(frozen=True)
class Duel:
    """One run against another on the samples that both scored.

    Attributes:
        run: the label of the run that is judged.
        other: the label of the run it is compared with.
        wins: samples on which `run` scores better.
        losses: samples on which it scores worse.
        ties: samples on which both score the same.
    """

    run: str
    other: str
    wins: int
    losses: int
    ties: int


def duels(runs: Sequence[Run], sets: Sequence[Set], scores: Sequence[Mapping[str, float | None]]) -> tuple[Duel, ...]:
    """Returns every run against every other one of its set.

    Args:
        runs: the runs that have the task.
        sets: the runs grouped by what makes scores comparable.
        scores: each run's sample scores by sample id, greater is better.
    """
    by_label = {run.label: found for run, found in zip(runs, scores, strict=True)}
    return tuple(
        _duel(one, other, by_label[one], by_label[other])
        for found in sets
        for one, other in permutations(found.runs, 2)
    )


def _duel(run: str, other: str, mine: Mapping[str, float | None], theirs: Mapping[str, float | None]) -> Duel:
    """One run against another.

    >>> _duel("a", "b", {"1": 1.0, "2": 0.0, "3": 0.5}, {"1": 0.0, "2": 0.0, "3": None})
    Duel(run='a', other='b', wins=1, losses=0, ties=1)
    """
    differences = [
        score - other_score
        for sample, score in mine.items()
        if score is not None and (other_score := theirs.get(sample)) is not None
    ]
    wins, losses = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return Duel(run, other, wins, losses, len(differences) - wins - losses)
