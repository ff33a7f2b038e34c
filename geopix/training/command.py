"""The command `geopix train`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from harness.cli import data_dir_option, task_folders


@click.command("train")
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@data_dir_option
@click.option("--output", type=click.Path(path_type=Path), help="Checkpoints and logs.  [default: training/RECIPE]")
@click.option(
    "--dry-run", is_flag=True, help="Check everything, read two batches, say what a run would take, and stop."
)
@task_folders
def train_command(recipe: str, overrides: tuple[str, ...], **options: Any) -> None:
    """Train a model as RECIPE says: a shipped recipe's name, or the path of a YAML file.

    The same command goes on where a run was interrupted.

    \b
    geopix train mini --data-dir data/earth
    geopix train mini steps=100 optimiser.learning_rate=3e-4
    geopix train stage1 --dry-run
    """  # noqa: D301 - click reads the backspace itself
    from geopix.training.recipe import load_recipe  # noqa: PLC0415 - --help must not wait for torch
    from harness.plugins import installed  # noqa: PLC0415
    from harness.run import catalogue_of  # noqa: PLC0415

    chosen = load_recipe(recipe, overrides)
    folder = options["output"] or Path("training") / chosen.name
    catalogue = catalogue_of(options["task_dirs"])
    if options["dry_run"]:
        _dry_run(chosen, options["data_dir"], folder, catalogue)
        return
    from geopix.training.preparation import prepare  # noqa: PLC0415
    from geopix.training.trainer import train  # noqa: PLC0415

    run = prepare(chosen, options["data_dir"], folder, catalogue, installed())
    with _shown(chosen.name, run.accelerator.is_main_process) as show:
        checkpoint = train(run, show)
    if run.accelerator.is_main_process:
        click.echo(checkpoint)


def _dry_run(recipe: Any, data_dir: Path, folder: Path, catalogue: Any) -> None:
    from geopix.training.dry_run import plan, render  # noqa: PLC0415
    from harness.errors import EnvironmentProblem  # noqa: PLC0415
    from harness.plugins import installed  # noqa: PLC0415

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    made = plan(recipe, data_dir, folder, catalogue, installed(), processes=processes)
    click.echo(render(made))
    if made.problems:
        count = f"{len(made.problems)} thing{'s' if len(made.problems) > 1 else ''}"
        raise EnvironmentProblem(f"{count} to mend before this recipe can run:\n" + "\n".join(made.problems))


@contextmanager
def _shown(name: str, main: bool) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
    """Gives what draws the bar of a run; on the first process alone."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (*Progress.get_default_columns()[:2], TextColumn("{task.fields[losses]}"), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not main) as bar:
        line = bar.add_task(name, total=None, losses="")

        def show(step: int, steps: int, losses: dict[str, float]) -> None:
            words = "  ".join(f"{key.removesuffix('_loss')} {value:.3f}" for key, value in losses.items())
            bar.update(line, completed=step, total=steps, losses=f"{step}/{steps}  {words}")

        yield show
