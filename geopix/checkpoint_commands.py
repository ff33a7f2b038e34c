"""The commands `geopix merge` and `geopix card`, which write checkpoints and what people read about them."""

from pathlib import Path

import click


@click.command("merge")
@click.argument("adapter", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--base", type=click.Path(path_type=Path), help="The adapter's checkpoint.  [default: the one it names]")
@click.option(
    "--shard-size",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Gigabytes of a weight file.",
)
def merge_command(adapter: Path, out: Path, *, base: Path | None, shard_size: float) -> None:
    """Write the whole checkpoint that a PEFT adapter makes of its base.

    \b
    geopix merge runs/lora/adapter checkpoints/merged
    """  # noqa: D301 - click reads the backspace itself
    from geopix.peft_adapters import merge, source  # noqa: PLC0415 - --help must not wait for torch

    origin = source(adapter) if base is None else source(base, adapter)
    merge(origin, out, max_shard_size=int(shard_size * 1e9))
    click.echo(f"{out}: {origin.base} with {origin.adapter} in its weights")


@click.command("card")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--license", "licence", help="SPDX name of the weights' licence, apache-2.0 for example.")
@click.option("--base-model", help="The hub's name of the model it was trained from.")
def card_command(checkpoint: Path, licence: str | None, base_model: str | None) -> None:
    """Write a checkpoint's model card, README.md, from its own files.

    \b
    geopix card checkpoints/geopix --license apache-2.0
    """  # noqa: D301
    from geopix.model_card import write_card  # noqa: PLC0415 - --help must not wait for transformers

    click.echo(write_card(checkpoint, licence=licence, base_model=base_model))
