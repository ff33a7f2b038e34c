"""What the command `diff` prints: two runs side by side, only what differs."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import click

from harness.console import show_score
from harness.differences import (
    UNSEEN,
    Change,
    Flip,
    SampleChanges,
    ScoreChange,
    manifest_changes,
    result_changes,
    sample_changes,
    score_changes,
)
from harness.errors import ConfigurationError, nearest
from harness.report.formatting import plural, shorten
from harness.results import Score
from harness.sample_view import inert
from harness.store import RunDirectory

LONGEST = 200


def print_differences(before: Path, after: Path, task: str | None, most: int) -> None:
    """Prints what differs between two runs.

    Args:
        before: the first run's folder.
        after: the second run's folder.
        task: the one task to compare; all that both have finished where None.
        most: how many flipped samples a task lists at most.

    Raises:
        ConfigurationError: no task is finished in both, or not this one.
        DataError: a run's files are damaged.
    """
    old, new = RunDirectory(before), RunDirectory(after)
    lines = [*_manifests(old, new)]
    for name in _shared(old, new, task):
        lines += ["", *_task(name, old, new, most)]
    lines += _alone(old, new) if task is None else []
    click.echo("\n".join(lines))


def _shared(old: RunDirectory, new: RunDirectory, task: str | None) -> Sequence[str]:
    shared = [name for name in old.tasks() if name in new.tasks()]
    if task is not None and task not in shared:
        raise ConfigurationError(
            f"task {task!r} is not finished in both runs.{nearest(task, shared)} "
            f"Finished in both: {', '.join(shared) or 'none'}."
        )
    if not shared:
        finished = "; ".join(f"{run.path} has {', '.join(run.tasks()) or 'none'}" for run in (old, new))
        raise ConfigurationError(f"the runs share no finished task: {finished}. Run the same tasks with both models.")
    return [task] if task is not None else shared


def _manifests(old: RunDirectory, new: RunDirectory) -> Iterator[str]:
    yield f"runs  {old.path} -> {new.path}"
    changes = list(manifest_changes(old.manifest(), new.manifest()))
    yield from map(_change, changes)
    if not changes:
        yield "  the same model, settings and versions"


def _task(name: str, old: RunDirectory, new: RunDirectory, most: int) -> Iterator[str]:
    before, after = old.result(name), new.result(name)
    yield f"task  {name}"
    yield from map(_change, result_changes(before, after))
    yield from map(_score_change, score_changes(before, after))
    one, other = before.primary.name, after.primary.name
    if one != other:
        yield f"  primary metrics differ, {one} and {other}: samples are held against each other by {one} alone"
    yield from _samples(sample_changes(list(old.records(name)), list(new.records(name)), one), one, most)


def _change(change: Change) -> str:
    return (
        f"  {inert(change.name)}: {shorten(inert(change.before), LONGEST)} -> {shorten(inert(change.after), LONGEST)}"
    )


def _score_change(change: ScoreChange) -> str:
    mark = " (primary)" if change.card.primary else ""
    before, after = _value(change, change.before), _value(change, change.after)
    if change.difference == 0:
        return f"  {inert(change.card.name)}{mark}: {before} in both"
    difference = "" if change.difference is None else f" ({_signed(change)})"
    return f"  {inert(change.card.name)}{mark}: {before} -> {after}{difference}"


def _value(change: ScoreChange, score: Score | None) -> str:
    return UNSEEN if score is None else show_score(change.card, score.value)


def _signed(change: ScoreChange) -> str:
    text = show_score(change.card, change.difference)
    return text if text.startswith("-") else f"+{text}"


def _samples(changes: SampleChanges, metric: str, most: int) -> Iterator[str]:
    counts = {kind: sum(flip.kind == kind for flip in changes.flips) for kind in ("status", "better", "worse")}
    yield (
        f"  {plural(changes.shared, 'sample')} in both: {counts['status']:,} with another status, "
        f"{counts['better']:,} better and {counts['worse']:,} worse in {metric}, {changes.moved:,} moved without a flip"
    )
    yield from map(_flip, islice(changes.flips, most))
    if len(changes.flips) > most:
        yield f"    and {len(changes.flips) - most:,} more; --samples N lists more of them"
    for word, alone in (("first", changes.only_before), ("second", changes.only_after)):
        if alone:
            some = ", ".join(map(inert, alone[:5])) + (", .." if len(alone) > 5 else "")
            yield f"  {plural(len(alone), 'sample')} in the {word} run alone: {some}"


def _flip(flip: Flip) -> str:
    return f"    {inert(flip.sample_id)}: {flip.before} -> {flip.after}"


def _alone(old: RunDirectory, new: RunDirectory) -> Iterator[str]:
    for word, one, other in (("first", old, new), ("second", new, old)):
        alone = [name for name in one.tasks() if name not in other.tasks()]
        unfinished = [name for name in one.unfinished() if name not in alone]
        if alone:
            yield f"\nin the {word} run alone: {', '.join(alone)}"
        if unfinished:
            yield f"\nnot finished in the {word} run: {', '.join(unfinished)}"
