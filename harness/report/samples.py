"""Which samples the page shows in full: chosen by a stated rule and a fixed seed, the same for every run."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.comparison.difference import per_sample
from harness.comparison.evidence import metric_of
from harness.corpus import Table
from harness.errors import GeoPixError
from harness.records import Record
from harness.results import MetricCard

Why = Literal["not ok", "runs differ", "worst", "best", "random"]
Scores = Mapping[str, float | None]

# What metrics call a sample's yes or no; a metric that averages over a tag appends "/" and the tag's value.
YES_OR_NO = ("correct", "hit")
APART = 0.5

RULE = (
    "Up to a quarter are samples that some run failed, left empty or could not be parsed; of the others up to a third "
    "are those on which the runs differ most (by half of the scale or more), and the rest is shared between the worst "
    "(mean over the runs), the best and random ones. Order and ties are drawn by the sample's id with a fixed seed; "
    "every run shows the same samples."
)


@dataclass(frozen=True)
class Choice:
    """A sample to show, and why it was chosen."""

    sample_id: str
    why: Why


def sample_scores(table: Mapping[str, Record], card: MetricCard) -> dict[str, float | None]:
    """Returns each sample's own score by a metric, None where one sample has none.

    Sufficient statistics of the usual kinds are read as they are; for any other metric, the installed one is asked.

    Args:
        table: one run's records by sample id.
        card: the metric.
    """
    found = {name: sample_score(record.statistics.get(card.name, {})) for name, record in table.items()}
    if any(score is not None for score in found.values()):
        return found
    try:
        return _asked(table, card)
    except (GeoPixError, ArithmeticError, LookupError, TypeError, ValueError):
        # A plugin that is not installed here, or a metric that cannot score one sample: the page does without.
        return found


def _asked(table: Mapping[str, Record], card: MetricCard) -> dict[str, float | None]:
    scored = [name for name, record in table.items() if record.statistics.get(card.name)]
    columns = Table.of([table[name] for name in scored], card.name, np.zeros(len(scored), dtype=np.int64)).columns
    if not columns:
        return dict.fromkeys(table)
    scores = per_sample(metric_of(card), {name: np.nan_to_num(column) for name, column in columns.items()})
    known = {name: float(score) for name, score in zip(scored, scores, strict=True) if np.isfinite(score)}
    return {name: known.get(name) for name in table}


def sample_score(statistics: Mapping[str, float]) -> float | None:
    """Returns one sample's score in [0, 1] from a metric's sufficient statistics; None where they hold none.

    >>> sample_score({"intersection": 3.0, "union": 4.0}), sample_score({"correct/presence": 1.0})
    (0.75, 1.0)
    >>> sample_score({"reference_length": 9.0}) is None
    True
    """
    if "intersection" in statistics and "union" in statistics:
        union = statistics["union"]
        return statistics["intersection"] / union if union else None
    return next((value for name, value in statistics.items() if name.partition("/")[0] in {"iou", *YES_OR_NO}), None)


def yes_or_no(statistics: Mapping[str, float]) -> bool:
    """Returns whether a sample's score is one of right and wrong, and not a share.

    >>> yes_or_no({"correct": 1.0, "count": 1.0}), yes_or_no({"iou": 0.7, "count": 1.0})
    (True, False)
    """
    return any(name.partition("/")[0] in YES_OR_NO for name in statistics)


def choose(tables: Sequence[Mapping[str, Record]], scores: Sequence[Scores], count: int) -> list[Choice]:
    """Returns the samples to show, in the order to show them.

    Args:
        tables: each run's records by sample id.
        scores: each run's scores by sample id, greater is better.
        count: how many samples to choose.
    """
    drawn = sorted({sample for table in tables for sample in table}, key=_draw)
    troubled = [sample for sample in drawn if any(_not_ok(table.get(sample)) for table in tables)]
    chosen: list[Choice] = [Choice(sample, "not ok") for sample in troubled[: -(-count // 4)]]
    known = {sample: _known(scores, sample) for sample in _without(drawn, chosen)}
    apart = {sample: max(found) - min(found) for sample, found in known.items() if len(found) > 1}
    flips = sorted((sample for sample in apart if apart[sample] >= APART), key=lambda sample: -apart[sample])
    chosen += [Choice(sample, "runs differ") for sample in flips[: (count - len(chosen)) // 3]]
    means = {sample: sum(found) / len(found) for sample, found in known.items() if found}
    ranked = sorted(_without(means, chosen), key=lambda sample: means[sample])
    third = (count - len(chosen)) // 3
    chosen += [Choice(sample, "worst") for sample in ranked[:third]]
    chosen += [Choice(sample, "best") for sample in _without(reversed(ranked), chosen)[:third]]
    chosen += [Choice(sample, "random") for sample in _without(drawn, chosen)[: count - len(chosen)]]
    return chosen


def _draw(sample_id: str) -> bytes:
    return hashlib.blake2b(sample_id.encode(), digest_size=8, key=b"geopix").digest()


def _not_ok(record: Record | None) -> bool:
    return record is not None and record.prediction.status != "ok"


def _without(samples: Iterable[str], chosen: Iterable[Choice]) -> list[str]:
    taken = {choice.sample_id for choice in chosen}
    return [sample for sample in samples if sample not in taken]


def _known(scores: Sequence[Scores], sample: str) -> list[float]:
    return [score for found in scores if (score := found.get(sample)) is not None]
