"""What the commands `ls`, `show` and `validate` print; nothing here needs a model or data."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.catalog import Catalogue, entries, entry, shipped
from harness.errors import ConfigurationError

if TYPE_CHECKING:
    from harness.located_yaml import Problem
    from harness.spec import Expects, Task


def print_tasks(task_dirs: Sequence[Path]) -> None:
    """Prints every task: name, aliases, title; says which files cannot be read."""
    found_entries = entries([shipped("tasks"), *task_dirs])
    names = [", ".join((found.name, *found.aliases)) for found in found_entries]
    width = max(map(len, names), default=0)
    for name, found in zip(names, found_entries, strict=True):
        title = f"cannot be read: {found.document.problems[0]}" if found.document.problems else found.title
        click.echo(f"{name:<{width}}  {title}")


def print_task(name: str, task_dirs: Sequence[Path]) -> None:
    """Prints what a task is made of.

    Raises:
        ConfigurationError: no such task, its file has mistakes, or this is a run.
    """
    from harness.plugins import installed  # noqa: PLC0415

    if (Path(name) / "run.json").is_file():
        raise ConfigurationError(
            f"{name} is a run: say which of its samples to show, `geopix-eval show {name} SAMPLE`. Their ids are in "
            "its records.jsonl and in the report."
        )
    task = Catalogue([shipped("tasks"), *task_dirs], installed()).task(name)
    click.echo("\n".join(_describe(task)))


def _describe(task: "Task") -> list[str]:
    spec = task.spec
    facts = {
        "task": ", ".join((spec.name, *spec.aliases)) + f" (version {spec.version})",
        "title": spec.title,
        "about": spec.description,
        "paper": spec.paper,
        "licence": spec.licence,
        "data": f"{spec.dataset.root}/ below the data directory, read by `{spec.dataset.reader}`",
        "published": _published(spec.expects),
        "get it from": spec.url,
        "capability": spec.capability,
        "parser": spec.parser.name,
        "resampled by": spec.cluster,
        "slices": ", ".join(spec.slices),
        "file": str(task.file),
    }
    lines = [f"{key:<13}{value}" for key, value in facts.items() if value]
    lines += ["prompt", *(f"  | {line}" for line in spec.prompt.strip().splitlines()), "metrics"]
    for use in spec.metrics:
        info = task.metrics[use.score_name].info
        mark = " (primary)" if use.primary else ""
        lines += [f"  {use.score_name}{mark}: {info.formula}", f"    {info.direction} is better; {info.source}"]
    lines += [f"note         {note}" for note in spec.notes]
    return lines + [f"unverified   {fact}" for fact in spec.unverified]


def _published(expects: "Expects") -> str:
    counts = (("samples", expects.samples), ("images", expects.images))
    return ", ".join(f"{count:,} {noun}" for noun, count in counts if count is not None)


def validate_files(places: Sequence[Path]) -> None:
    """Checks task files and leaderboard files, or all of some folders.

    Raises:
        ConfigurationError: a place does not exist, or files have mistakes; all of them, with file:line.
    """
    from harness.plugins import installed  # noqa: PLC0415

    files = [file for place in places for file in _files(place)]
    if not files:
        found = ", ".join(str(place) for place in places)
        raise ConfigurationError(f"{found}: no task file or board there; expected *.yaml. Name a file, or its folder.")
    folders = _without_twins([shipped("tasks"), *(file.parent for file in files)])
    catalogue = Catalogue(folders, installed())
    problems = [problem for file in files for problem in _problems(file, catalogue)]
    if problems:
        count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''}"
        where = f"{len(files)} file{'s' if len(files) > 1 else ''}"
        raise ConfigurationError("\n".join([*map(str, problems), f"{count} in {where}."]))
    click.echo(f"{len(files)} files are right." if len(files) != 1 else "1 file is right.")


def _problems(file: Path, catalogue: Catalogue) -> "list[Problem]":
    from harness.boards import board_problems  # noqa: PLC0415

    document = entry(file).document
    if "board" in document.data:
        return board_problems(document, file, catalogue)
    return catalogue.problems(file)


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(place.glob("*.yaml"))
    if place.exists():
        return [place]
    raise ConfigurationError(f"{place.resolve()} does not exist: expected a task file or a folder of them.")


def _without_twins(folders: Sequence[Path]) -> list[Path]:
    """Each folder once, as it was spelt last: messages name files the way the user did."""
    return list({folder.resolve(): folder for folder in folders}.values())
