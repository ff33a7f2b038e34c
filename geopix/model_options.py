"""The options by which the commands name a model and say how it is loaded."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from geopix.predictor import GeoPix

SHIPPED = "geopix-mini"
DTYPES = ("float32", "bfloat16", "float16")

Command = Callable[..., Any]


def model_options(dtype_when_none: str) -> Callable[[Command], Command]:
    """Returns a decorator that adds `--model`, `--adapter`, `--device` and `--dtype` to a command.

    Args:
        dtype_when_none: what the help says of the weights' type when none is given.
    """
    options = (
        click.option(
            "--model",
            default=SHIPPED,
            show_default=True,
            help=f"A checkpoint folder, that of a PEFT adapter which names its base, or {SHIPPED}.",
        ),
        click.option("--adapter", help="The folder of a PEFT adapter for the model."),
        click.option("--device", help="cpu, cuda, cuda:1 or mps.  [default: the best one there is]"),
        click.option(
            "--dtype",
            type=click.Choice(DTYPES),
            help=f"The weights' type.  [default: {dtype_when_none}]",
        ),
    )

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def load_model(model: str, adapter: str | None, device: str | None, dtype: str | None) -> "GeoPix":
    """Loads what the options name; the stored type when `dtype` is None.

    Raises:
        GeoPixError: see `geopix.predictor.GeoPix.from_pretrained`.
    """
    import torch  # noqa: PLC0415 - --help must not wait for torch

    from geopix.mini import MINI  # noqa: PLC0415
    from geopix.predictor import GeoPix  # noqa: PLC0415

    kind = None if dtype is None else getattr(torch, dtype)
    return GeoPix.from_pretrained(MINI if model == SHIPPED else model, device, kind, adapter=adapter)
