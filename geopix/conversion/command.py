"""The command `geopix convert`."""

from pathlib import Path

import click


@click.command("convert")
@click.argument("released", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--to-release", is_flag=True, help="The other way: from a converted checkpoint to the released layout.")
@click.option(
    "--shard-size",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Gigabytes of a weight file; as much is held in memory.",
)
def convert_command(released: Path, out: Path, *, to_release: bool, shard_size: float) -> None:
    """Turn the checkpoint folder that GeoPix's authors released into one of ours.

    The new checkpoint answers as the released code did, quirks included.

    \b
    geopix convert GeoPix-ft-sior_rsicap checkpoints/geopix
    geopix convert checkpoints/geopix written-back --to-release
    """  # noqa: D301 - click reads the backspace itself
    from geopix.conversion.convert import convert, convert_back  # noqa: PLC0415 - --help must not wait for torch

    done = (convert_back if to_release else convert)(released, out, shard_bytes=int(shard_size * 1e9))
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    dtype = str(done.dtype).removeprefix("torch.")
    click.echo(f"{out}: {done.tensors} tensors of a {dtype} model, and {done.unused} that have no effect")
