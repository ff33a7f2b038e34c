"""The command `geopix earth`."""

import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from geopix.earth.make import USUAL_FORMATS, Splits, Summary, make_earth
from harness.errors import ConfigurationError


@click.group()
def earth() -> None:
    """Mini Earth: drawn aerial scenes in the file layouts of real benchmarks."""


def parse_splits(text: str) -> Splits:
    """Reads "train:8,val:1" as split names with shares; a name alone has a share of 1.

    Raises:
        ConfigurationError: When a part is not NAME:NUMBER.

    >>> parse_splits("train:8,test:2")
    (('train', 8), ('test', 2))
    """
    splits: list[tuple[str, int]] = []
    for part in text.split(","):
        name, colon, share = part.strip().partition(":")
        if not name or (colon and not share.strip().isdecimal()):
            raise ConfigurationError(f"--splits: expected NAME:NUMBER such as train:8, found {part!r} in {text!r}.")
        splits.append((name, int(share) if colon else 1))
    return tuple(splits)


@earth.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--images", type=int, required=True, help="Number of scenes over all splits.")
@click.option("--size", type=int, default=256, show_default=True, help="Width and height in pixels.")
@click.option("--splits", default="train:8,val:1,test:1", show_default=True, help="Names and shares.")
@click.option("--formats", default=",".join(USUAL_FORMATS), show_default=True, help="Which benchmarks' files to write.")
@click.option("--workers", type=int, default=os.cpu_count() or 1, help="Processes.  [default: one a core]")
def make(directory: Path, *, seed: int, images: int, size: int, splits: str, formats: str, workers: int) -> None:
    """Make a Mini Earth in DIRECTORY; the same command again changes nothing."""
    console = Console(stderr=True)
    shares = parse_splits(splits)
    chosen = tuple(name.strip() for name in formats.split(",") if name.strip())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("scenes", total=None)
        summary = make_earth(
            directory,
            seed=seed,
            images=images,
            size=size,
            splits=shares,
            formats=chosen,
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(_table(summary))
    verb = "Made" if summary.made else "Already there, unchanged:"
    console.print(f"{verb} {summary.directory}", highlight=False, markup=False)


def _table(summary: Summary) -> Table:
    table = Table("split")
    for heading in ("images", "questions", "references"):
        table.add_column(heading, justify="right")
    for split in summary.splits:
        table.add_row(split.split, f"{split.images:,}", f"{split.questions:,}", f"{split.references:,}")
    return table
