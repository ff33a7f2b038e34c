"""The command `geopix-eval export`."""

from pathlib import Path

import click

from harness.exchange.lmms_eval.export import export_task
from harness.run import catalogue_of, named_tasks


def export_lmms(folder: Path, names: str, data_dir: Path, task_dirs: tuple[Path, ...]) -> None:
    """Writes tasks for lmms-eval and says how to run them.

    Raises:
        ConfigurationError: a task is unknown or cannot be exported.
        MissingDataError: a task's data is missing.
    """
    tasks = named_tasks(names, catalogue_of(task_dirs))
    exported = [export_task(task, folder, data_dir, task_dirs) for task in tasks]
    for one in exported:
        left_out = f", {one.left_out} unusable ones left out" if one.left_out else ""
        click.echo(f"{folder / one.name} ({one.samples} samples{left_out})")
    command = f"lmms-eval --include_path {folder} --tasks {','.join(one.name for one in exported)}"
    click.echo(
        f"Run: {command} --model geopix --model_args model=geopix-mini --log_samples --output_path logs", err=True
    )
