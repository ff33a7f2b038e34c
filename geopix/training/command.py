"""The command `geopix train`."""

from pathlib import Path

import click

from harness.cli import data_dir_option


@click.command("train")
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@data_dir_option
@click.option("--output", type=click.Path(path_type=Path), help="Checkpoints and logs.  [default: training/RECIPE]")
def train_command(recipe: str, overrides: tuple[str, ...], data_dir: Path, output: Path | None) -> None:
    """Train a model as RECIPE says: a shipped recipe's name, or the path of a YAML file.

    \b
    geopix train mini --data-dir data/mini-earth
    geopix train mini steps=100 optimiser.learning_rate=3e-4
    """  # noqa: D301 - click reads the backspace itself
    from rich.console import Console  # noqa: PLC0415 - --help must not wait for torch
    from rich.progress import Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

    from geopix.training.preparation import prepare  # noqa: PLC0415
    from geopix.training.recipe import load_recipe  # noqa: PLC0415
    from geopix.training.trainer import train  # noqa: PLC0415
    from harness.plugins import installed  # noqa: PLC0415
    from harness.run import catalogue_of  # noqa: PLC0415

    chosen = load_recipe(recipe, overrides)
    run = prepare(chosen, data_dir, output or Path("training") / chosen.name, catalogue_of(()), installed())
    columns = (*Progress.get_default_columns()[:2], TextColumn("{task.fields[losses]}"), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        line = bar.add_task(chosen.name, total=chosen.steps, losses="")

        def show(step: int, steps: int, losses: dict[str, float]) -> None:
            words = "  ".join(f"{name.removesuffix('_loss')} {value:.3f}" for name, value in losses.items())
            bar.update(line, completed=step, total=steps, losses=f"{step}/{steps}  {words}")

        checkpoint = train(run, show)
    click.echo(checkpoint)
