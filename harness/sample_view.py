"""One sample of a run in the terminal: what was asked, what was answered, how it was read and scored."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from harness.errors import ConfigurationError, DataError, SampleError, nearest
from harness.masks import area, checked
from harness.paths import below
from harness.records import Box, Mask, Record, Target
from harness.report.cards import box_text
from harness.report.formatting import shorten, visible
from harness.results import RunManifest
from harness.store import RunDirectory, preview_name

WIDTH = 14


def print_sample(place: Path, sample_id: str, task: str | None) -> None:
    """Prints a sample's record, from each task of the run that has it.

    Args:
        place: the run's folder.
        sample_id: the sample.
        task: the one task to look in; all where None.

    Raises:
        ConfigurationError: the run has no such task or sample; the nearest is suggested.
        DataError: the run's files are damaged.
    """
    run = RunDirectory(place)
    manifest = run.manifest()
    known: list[str] = []
    found: dict[str, Record] = {}
    for name in _tasks(run, task):
        for record in run.records(name):
            known.append(record.sample_id)
            if record.sample_id == sample_id:
                found[name] = record
    if not found:
        raise ConfigurationError(
            f"{place} has no sample {sample_id!r}.{nearest(sample_id, dict.fromkeys(known))} "
            f"Its samples: {_some(known)}."
        )
    for name, record in found.items():
        click.echo("\n".join(describe(name, record, run, manifest)))


def _tasks(run: RunDirectory, task: str | None) -> Sequence[str]:
    known = sorted([*run.tasks(), *run.unfinished()])
    if task is None:
        return known
    if task not in known:
        raise ConfigurationError(
            f"{run.path} has no answers to task {task!r}.{nearest(task, known)} Known: {', '.join(known) or 'none'}."
        )
    return [task]


def _some(sample_ids: Sequence[str]) -> str:
    shown = ", ".join(inert(sample_id) for sample_id in sample_ids[:5])
    return (shown or "none") + (f" and {len(sample_ids) - 5:,} more" if len(sample_ids) > 5 else "")


def describe(task: str, record: Record, run: RunDirectory, manifest: RunManifest) -> Iterator[str]:
    """Yields the lines that show a record; nothing in them can steer a terminal."""
    prediction, response = record.prediction, record.response
    yield _fact("sample", f"{record.sample_id} of task {task}")
    yield _fact("run", f"{run.path} ({manifest.model})")
    yield from _images(record, run, task, manifest)
    yield _fact("tags", ", ".join(f"{name}={value}" for name, value in record.tags.items()) or "none")
    yield from _words("prompt", record.prompt)
    if response is None:
        yield _fact("raw answer", "none")
    else:
        yield from _words("raw answer", response.text, "no words")
        yield from _shapes(response.masks, response.boxes)
        if response.reason:
            yield _fact("model says", response.reason)
    yield _fact("status", prediction.status)
    if prediction.reason:
        yield _fact("why", prediction.reason)
    yield from _words("read as", prediction.text or "", "no words")
    yield from _shapes(prediction.masks, prediction.boxes)
    yield from _target("right answer", record.target)
    if record.raw_target is not None:
        yield from _target("in the data", record.raw_target)
    yield "statistics"
    for metric, statistics in record.statistics.items():
        yield _fact(f"  {metric}", ", ".join(f"{name} {value:g}" for name, value in statistics.items()) or "not scored")
    if not record.statistics:
        yield "  none: the sample is not scored"
    yield _fact("cluster", record.cluster)
    yield _fact("key", record.key)


def inert(text: str) -> str:
    r"""Returns a text as one line in which control characters are spelled out.

    >>> inert("a\nb\x1b[31m")
    'a⟨U+000A⟩b⟨U+001B⟩[31m'
    """
    return str(visible(text)).replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")


def _fact(name: str, value: str) -> str:
    return f"{inert(name):<{WIDTH}}{shorten(inert(value))}"


def _words(name: str, text: str, none: str = "none") -> list[str]:
    """A text of perhaps several lines, each marked, so that an answer cannot pass for a line of this view."""
    if not text:
        return [_fact(name, none)]
    return [name, *(f"  | {line}" for line in shorten(str(visible(text))).split("\n"))]


def _target(name: str, target: Target) -> Iterator[str]:
    texts = [_fact(name if not index else "  or", text) for index, text in enumerate(target.texts)]
    yield from texts or [_fact(name, "no words")]
    yield from _shapes(target.masks, target.boxes)


def _shapes(masks: Sequence[Mask], boxes: Sequence[Box]) -> Iterator[str]:
    for mask in masks:
        yield _fact("  mask", _mask_words(mask))
    for box in boxes:
        yield _fact("  box", box_text(box))


def _mask_words(mask: Mask) -> str:
    size = f"{mask.size[0]} x {mask.size[1]} pixels (height x width)"
    try:
        return f"{size}, {area(checked(mask)):,} of them marked"
    except SampleError as error:
        return f"{size}, malformed: {error}"


def _images(record: Record, run: RunDirectory, task: str, manifest: RunManifest) -> Iterator[str]:
    for image, file in zip(record.images, record.image_files, strict=False):
        yield _fact("image", f"{image}: {_place(Path(manifest.data_dir), file)}")
        preview = run.previews(task) / preview_name(image)
        if preview.is_file():
            yield _fact("  preview", str(preview))


def _place(data_dir: Path, file: str) -> str:
    try:
        path = below(data_dir, file)
    except DataError:
        return f"{file} (outside {data_dir})"
    return str(path) if path.is_file() else f"{path} (not there any more)"
