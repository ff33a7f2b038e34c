"""Which samples the page shows: chosen by a stated rule and a fixed seed, the same for every run."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.records import Record

Why = Literal["not ok", "worst", "best", "random"]

# What metrics call a sample's yes or no; a metric that averages over a tag appends "/" and the tag's value.
YES_OR_NO = ("correct", "hit")

RULE = (
    "Up to a quarter are samples that some run failed, left empty or could not be parsed; of the others a third scored "
    "worst (mean over the runs), a third best and a third is random. Order and ties are drawn by the sample's id with "
    "a fixed seed, and every run shows the same samples."
)


@dataclass(frozen=True)
class Choice:
    """A sample to show, and why it was chosen."""

    sample_id: str
    why: Why


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


def choose(tables: list[dict[str, Record]], metric: str, count: int) -> list[Choice]:
    """Returns the samples to show, in the order to show them.

    Args:
        tables: each run's records by sample id.
        metric: the task's primary metric.
        count: how many samples to choose.
    """
    drawn = sorted({sample for table in tables for sample in table}, key=_draw)
    troubled = [sample for sample in drawn if any(_not_ok(table.get(sample)) for table in tables)]
    chosen: list[Choice] = [Choice(sample, "not ok") for sample in troubled[: -(-count // 4)]]
    rest = _without(drawn, chosen)
    third = (count - len(chosen)) // 3
    ranked = sorted(_scored(rest, tables, metric), key=lambda pair: pair[1])
    chosen += [Choice(sample, "worst") for sample, _ in ranked[:third]]
    best = [sample for sample, _ in reversed(ranked)]
    chosen += [Choice(sample, "best") for sample in _without(best, chosen)[:third]]
    chosen += [Choice(sample, "random") for sample in _without(rest, chosen)[: count - len(chosen)]]
    return chosen


def _draw(sample_id: str) -> bytes:
    return hashlib.blake2b(sample_id.encode(), digest_size=8, key=b"geopix").digest()


def _not_ok(record: Record | None) -> bool:
    return record is not None and record.prediction.status != "ok"


def _without(samples: list[str], chosen: Iterable[Choice]) -> list[str]:
    taken = {choice.sample_id for choice in chosen}
    return [sample for sample in samples if sample not in taken]


def _scored(samples: list[str], tables: list[dict[str, Record]], metric: str) -> list[tuple[str, float]]:
    found = []
    for sample in samples:
        records = [table[sample] for table in tables if sample in table]
        scores = [sample_score(record.statistics.get(metric, {})) for record in records]
        known = [score for score in scores if score is not None]
        if known:
            found.append((sample, sum(known) / len(known)))
    return found
