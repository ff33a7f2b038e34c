"""Two runs' statistics side by side, sample by sample; refused where the runs did not do the same task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.comparison.evidence import Evidence, Statistics
from harness.errors import ConfigurationError
from harness.interfaces import Columns

IDS_SHOWN = 3


class NotComparableError(ConfigurationError):
    """Two runs of a task cannot be compared: samples, data or versions differ."""


@dataclass(frozen=True)
class Pairs:
    """One metric's statistics of the samples that both runs scored, in the same order.

    Attributes:
        base: each statistic of the baseline as float64[N].
        head: each statistic of the run that is judged as float64[N]; the same names as `base`.
        groups: the cluster of each sample, int64[N] in [0, clusters).
        clusters: how many clusters there are.
        sample_ids: N ids.
        only_base: ids of samples that the baseline scored and the other run did not.
        only_head: ids of samples that the baseline did not score and the other run did.
    """

    base: Columns
    head: Columns
    groups: NDArray[np.int64]
    clusters: int
    sample_ids: tuple[str, ...]
    only_base: tuple[str, ...] = ()
    only_head: tuple[str, ...] = ()


def pair(base: Evidence, head: Evidence, metric: str, where: Mapping[str, str] | None = None) -> Pairs:
    """Returns two runs' statistics of a metric for the samples that both scored.

    A sample that only one run scored, because the other failed on it, has no partner. It is left out and named.

    Args:
        base: the baseline.
        head: the run that is judged.
        metric: the metric's name in the task.
        where: keeps the samples whose tags, the keys, have these values; all where None.

    Raises:
        NotComparableError: sample ids, data, versions or the metric's definition differ; says all of it.
        ConfigurationError: the task has no such metric, or the runs hold no such tag.
    """
    refuse_mismatch(base, head)
    if difference := _metric_difference(base, head, metric):
        raise NotComparableError(f"{_names(base, head)}: {difference}. Run the task again for both with one version.")
    order = _order(base, head)
    base_rows = _scored(base.statistics[metric], len(base.sample_ids)) & _wanted(base, where or {})
    head_scored = _scored(head.statistics[metric], len(order))[order]
    head_rows = head_scored & _wanted(head, where or {})[order]
    both = base_rows & head_rows
    aligned = {name: column[order] for name, column in head.statistics[metric].items()}
    names = sorted(_present(base.statistics[metric], both) | _present(aligned, both))
    ids = np.array(base.sample_ids, dtype=object)
    members, groups = np.unique(np.array(base.clusters, dtype=np.str_)[both], return_inverse=True)
    return Pairs(
        base=_filled(base.statistics[metric], names, both),
        head=_filled(aligned, names, both),
        groups=groups.astype(np.int64),
        clusters=len(members),
        sample_ids=tuple(ids[both]),
        only_base=tuple(ids[base_rows & ~head_rows]),
        only_head=tuple(ids[head_rows & ~base_rows]),
    )


def refuse_mismatch(base: Evidence, head: Evidence) -> None:
    """Refuses to compare two runs that did not answer the same questions.

    Raises:
        NotComparableError: says all differences at once, with counts and the first ids, and what to do next.
    """
    found = list(differences(base, head))
    if found:
        raise NotComparableError(
            f"{_names(base, head)}: {'; '.join(found)}. Run the task again for both with the same task file and data "
            "(or `geopix-eval bless` a new baseline), then compare again."
        )


def _names(base: Evidence, head: Evidence) -> str:
    return f"task {base.result.task}: {base.label} and {head.label} cannot be compared"


def differences(base: Evidence, head: Evidence) -> Iterator[str]:
    """Yields, in words, all that keeps two runs of a task from being compared."""
    one, other = base.result, head.result
    if one.task != other.task:
        yield f"the tasks differ ({one.task} and {other.task})"
    if one.version != other.version:
        yield f"the task's versions differ ({one.version} and {other.version})"
    yield from _id_differences(base, head)
    if one.data_digest != other.data_digest:
        yield f"the data's digests differ ({one.data_digest[:12]} and {other.data_digest[:12]})"
    if one.images_digest and other.images_digest and one.images_digest != other.images_digest:
        yield f"the images' digests differ ({one.images_digest[:12]} and {other.images_digest[:12]})"


def _id_differences(base: Evidence, head: Evidence) -> Iterator[str]:
    for side, other in ((base, head), (head, base)):
        own, others = set(side.sample_ids), set(other.sample_ids)
        if len(own) < len(side.sample_ids):
            yield f"{side.label} holds {len(side.sample_ids) - len(own)} sample ids more than once"
        missing = [name for name in side.sample_ids if name not in others]
        if missing:
            yield f"{len(missing)} of {len(own | others)} samples are in {side.label} only ({first_ids(missing)})"


def first_ids(ids: Sequence[str]) -> str:
    """Returns the first few ids, and how many more there are."""
    more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
    return ", ".join(map(repr, ids[:IDS_SHOWN])) + more


def _metric_difference(base: Evidence, head: Evidence, metric: str) -> str | None:
    one, other = base.card(metric), head.card(metric)
    if (one.metric, dict(one.options)) == (other.metric, dict(other.options)):
        return None
    return (
        f"metric {metric!r} is {one.metric} {dict(one.options)} in {base.label} and "
        f"{other.metric} {dict(other.options)} in {head.label}"
    )


def _order(base: Evidence, head: Evidence) -> NDArray[np.int64]:
    """The rows of `head` in the order of `base`."""
    rows = {name: row for row, name in enumerate(head.sample_ids)}
    return np.array([rows[name] for name in base.sample_ids], dtype=np.int64)


def _scored(statistics: Statistics, count: int) -> NDArray[np.bool_]:
    known = np.zeros(count, dtype=np.bool_)
    for column in statistics.values():
        known |= ~np.isnan(column)
    return known


def _wanted(side: Evidence, where: Mapping[str, str]) -> NDArray[np.bool_]:
    wanted = np.ones(len(side.sample_ids), dtype=np.bool_)
    for tag, value in where.items():
        if tag not in side.tags:
            known = ", ".join(side.tags) or "none"
            raise ConfigurationError(f"task {side.result.task} of {side.label} has no slice {tag!r}. Known: {known}.")
        wanted &= np.array([found == value for found in side.tags[tag]], dtype=np.bool_)
    return wanted


def _present(statistics: Statistics, rows: NDArray[np.bool_]) -> set[str]:
    """The statistics that at least one of the samples has."""
    return {name for name, column in statistics.items() if not np.isnan(column[rows]).all()}


def _filled(statistics: Statistics, names: list[str], rows: NDArray[np.bool_]) -> Columns:
    absent = np.zeros(int(rows.sum()))
    return {name: np.nan_to_num(statistics[name][rows]) if name in statistics else absent for name in names}
