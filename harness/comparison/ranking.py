"""An order that the data supports: tie groups instead of bare ranks, over many checkpoints and tasks at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from harness.comparison.difference import paired_test
from harness.comparison.evidence import Evidence, computing, metric_of
from harness.comparison.holm import holm
from harness.comparison.pairing import pair
from harness.errors import GeoPixError
from harness.results import Score

ALPHA = 0.05


@dataclass(frozen=True)
class Contest:
    """Checkpoints that did the same task, and the metric by which they are ranked.

    Attributes:
        metric: the metric's name in the task.
        entrants: one a checkpoint, all over the same samples.
    """

    metric: str
    entrants: tuple[Evidence, ...]


@dataclass(frozen=True)
class Standing:
    """Where a checkpoint stands in a contest.

    Attributes:
        label: the checkpoint.
        score: its score; its value is None where undefined, and it then has no rank.
        rank: the places that its tie group takes: `1-3`, or `4` where it stands alone; None without a score.
        anchor: the best checkpoint of its group, from which it is not separable; itself where it is the anchor.
        p_value: of the comparison with the anchor, adjusted after Holm over all pairs of all contests; None for the
            anchor itself, and where the comparison could not be made, which counts as not separable.
        reason: why the comparison with the anchor could not be made; None where it was.
    """

    label: str
    score: Score
    rank: str | None
    anchor: str | None
    p_value: float | None
    reason: str | None = None


@dataclass(frozen=True)
class _Comparison:
    p_value: float | None
    reason: str | None = None


_Comparisons = Mapping[tuple[int, int], _Comparison]


def rank(
    contests: Sequence[Contest], *, alpha: float = ALPHA, flips: int = 4999, seed: int = 0
) -> list[tuple[Standing, ...]]:
    """Returns each contest's checkpoints from best to worst, in groups that the data cannot tell apart.

    From the best downwards, a checkpoint joins the first group whose anchor it is not separable from, or becomes the
    anchor of the next group. So a group says: no member is separable from its anchor. It does not say that two other
    members are alike, nor that members of two groups differ, but for the anchors.

    Two checkpoints are separable when the paired test's p-value, adjusted after Holm over all pairs of checkpoints of
    all contests together, is at most alpha. A comparison that cannot be made separates nothing.

    Args:
        contests: usually one a task.
        alpha: the chance of one wrong separation or more, over all contests together.
        flips: random exchanges of a test; p-values are multiples of 1 / (flips + 1).
        seed: of the exchanges.

    Raises:
        NotComparableError: two entrants did not do the same task over the same samples.
    """
    pairs = [
        (number, one, other)
        for number, contest in enumerate(contests)
        for one, other in combinations(range(len(contest.entrants)), 2)
    ]
    made = [_compare(contests[number], one, other, flips, seed) for number, one, other in pairs]
    adjusted: list[dict[tuple[int, int], _Comparison]] = [{} for _ in contests]
    for (number, one, other), comparison, p_value in zip(pairs, made, holm([m.p_value for m in made]), strict=True):
        adjusted[number][one, other] = replace(comparison, p_value=p_value)
    return [tuple(_standings(contest, found, alpha)) for contest, found in zip(contests, adjusted, strict=True)]


def _compare(contest: Contest, one: int, other: int, flips: int, seed: int) -> _Comparison:
    first, second = contest.entrants[one], contest.entrants[other]
    pairs = pair(first, second, contest.metric)
    if pairs.clusters < 2:
        return _Comparison(None, f"a test needs two clusters or more that both scored, found {pairs.clusters}")
    try:
        with computing(first, contest.metric):
            _, p_value = paired_test(metric_of(first.card(contest.metric)), pairs, flips=flips, seed=seed)
    except GeoPixError as error:
        return _Comparison(None, str(error))
    return _Comparison(p_value, None if p_value is not None else "the score is undefined in too many exchanges")


def _standings(contest: Contest, adjusted: _Comparisons, alpha: float) -> Iterator[Standing]:
    scores = [entrant.score(contest.metric) for entrant in contest.entrants]
    order = _best_first(contest, scores)
    groups = _groups(order, adjusted, alpha)
    for entrant in order:
        group = next(members for members in groups if entrant in members)
        places = order.index(group[0]) + 1, order.index(group[-1]) + 1
        with_anchor = adjusted.get(_ordered(group[0], entrant), _Comparison(None))
        yield Standing(
            label=contest.entrants[entrant].label,
            score=scores[entrant],
            rank=str(places[0]) if places[0] == places[1] else f"{places[0]}-{places[1]}",
            anchor=contest.entrants[group[0]].label,
            p_value=with_anchor.p_value,
            reason=with_anchor.reason,
        )
    for entrant, score in enumerate(scores):
        if score.value is None:
            yield Standing(contest.entrants[entrant].label, score, None, None, None, score.reason)


def _best_first(contest: Contest, scores: Sequence[Score]) -> list[int]:
    sign = -1 if contest.entrants and contest.entrants[0].card(contest.metric).direction == "higher" else 1
    known = [(sign * score.value, entrant) for entrant, score in enumerate(scores) if score.value is not None]
    return [entrant for _, entrant in sorted(known)]


def _groups(order: Sequence[int], adjusted: _Comparisons, alpha: float) -> list[list[int]]:
    groups: list[list[int]] = []
    for entrant in order:
        for group in groups:
            p_value = adjusted[_ordered(group[0], entrant)].p_value
            if p_value is None or p_value > alpha:
                group.append(entrant)
                break
        else:
            groups.append([entrant])
    return groups


def _ordered(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)
