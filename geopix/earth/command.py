"""The command `geopix earth`."""

import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from geopix.earth.layouts import BUNDLES, USUAL
from geopix.earth.make import Summary, Talk, make_earth
from geopix.splits import parse_splits
from harness.errors import ConfigurationError


@click.group()
def earth() -> None:
    """Mini Earth: drawn aerial scenes in the file layouts of real benchmarks."""


def parse_formats(text: str) -> tuple[str, ...]:
    """Reads "rrsisd,mini" as names of formats, each once; a bundle's name stands for its formats.

    >>> parse_formats("rrsisd,aid")
    ('rrsisd', 'aid')
    >>> parse_formats("rrsisd,mini")[:3]
    ('rrsisd', 'rsvqa_hr', 'dior_rsvg')
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys(each for name in names for each in BUNDLES.get(name, (name,))))


def parse_rates(text: str) -> tuple[tuple[str, float], ...]:
    """Reads "presence:1,attribute:0.5" as groups of questions with their rates.

    Raises:
        ConfigurationError: When a part is not GROUP:NUMBER.

    >>> parse_rates("presence:1,attribute:0.5")
    (('presence', 1.0), ('attribute', 0.5))
    """
    rates: list[tuple[str, float]] = []
    for part in filter(None, text.split(",")):
        group, _, rate = part.strip().partition(":")
        try:
            rates.append((group, float(rate)))
        except ValueError as error:
            raise ConfigurationError(
                f"--rates: expected GROUP:NUMBER such as attribute:0.5, found {part!r} in {text!r}."
            ) from error
    return tuple(rates)


@earth.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--images", type=int, required=True, help="Number of scenes over all splits.")
@click.option("--size", type=int, default=256, show_default=True, help="Width and height in pixels.")
@click.option("--splits", default="train:8,val:1,test:1", show_default=True, help="Names and shares.")
@click.option(
    "--formats",
    default=",".join(USUAL),
    show_default=True,
    help="Whose files to write; `mini` is all that geopix-mini learns from.",
)
@click.option("--expressions", type=int, default=0, help="For each instance, at most.  [default: one to four a scene]")
@click.option("--rates", default="", help="Chances of asking, attribute:0.5 for example.  [default: about ten a scene]")
@click.option("--workers", type=int, default=os.cpu_count() or 1, help="Processes.  [default: one a core]")
def make(
    directory: Path,
    *,
    seed: int,
    images: int,
    size: int,
    splits: str,
    formats: str,
    expressions: int,
    rates: str,
    workers: int,
) -> None:
    """Make a Mini Earth in DIRECTORY; the same command again changes nothing."""
    console = Console(stderr=True)
    shares = parse_splits(splits)
    chosen = parse_formats(formats)
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
            talk=Talk(expressions, parse_rates(rates)),
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(_table(summary))
    verb = "Made" if summary.made else "Already there, unchanged:"
    console.print(f"{verb} {summary.directory}", highlight=False, markup=False)


def _table(summary: Summary) -> Table:
    """A row a layout and a column a split, for there are many layouts and few splits."""
    table = Table("samples")
    for split in summary.splits:
        table.add_column(split.split, justify="right")
    table.add_row("images", *(f"{split.images:,}" for split in summary.splits))
    for layout in summary.splits[0].samples:
        table.add_row(layout, *(f"{split.samples[layout]:,}" for split in summary.splits))
    return table
