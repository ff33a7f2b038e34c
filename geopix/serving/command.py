"""The command `geopix serve`."""

import os
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from geopix.model_options import load_model, model_options
from harness.errors import ConfigurationError, EnvironmentProblem

if TYPE_CHECKING:
    from starlette.applications import Starlette

LOCAL = ("127.0.0.1", "localhost", "::1")


@click.command("serve")
@model_options("the stored one")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 for a network.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="The port to listen at; 0 takes a free one.",
)
@click.option("--open/--no-open", "open_browser", default=True, help="Whether to open the page in a browser.")
def serve_command(model: str, host: str, port: int, *, open_browser: bool, **loading: str | None) -> None:
    """Open a page on this machine: drop an image, ask, see text, boxes and masks.

    \b
    geopix serve
    geopix serve --model checkpoints/mine --port 9000 --no-open
    """  # noqa: D301 - click reads the backspace itself
    try:
        import uvicorn  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise EnvironmentProblem(
            "geopix serve needs the web server uvicorn and starlette: pip install 'geopix[serve]'"
        ) from error
    from geopix.serving.desk import Desk  # noqa: PLC0415 - --help must not wait for torch
    from geopix.serving.server import application  # noqa: PLC0415

    name = " + ".join(filter(None, (model, loading["adapter"])))
    desk = Desk(load_model(model, **loading), name)
    # Who opens it to a network calls it by names that cannot be known here.
    hosts = [*LOCAL, "[::1]"] if host in LOCAL else ["*"]
    if host not in LOCAL:
        click.echo(f"note: anyone who reaches {host} can ask this model; there is no password", err=True)

    def say(address: str) -> None:
        click.echo(f"{address}  (Ctrl-C ends)")
        if open_browser:
            webbrowser.open(address)

    listen(application(desk, hosts), host, port, say)


def listen(app: "Starlette", host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serves until it is interrupted.

    Args:
        app: what answers.
        host: the address to listen at.
        port: the port, or 0 for any that is free.
        ready: called with the page's address once connections are taken.

    Raises:
        ConfigurationError: the port is taken, or the address is none of this machine.
    """
    import uvicorn  # noqa: PLC0415 - an extra

    try:
        bound = _bound(host, port)
    except OSError as error:
        raise ConfigurationError(
            f"--host {host} --port {port}: cannot listen there: {os.strerror(error.errno or 0)}. "
            "Give another --port, or 0 for a free one."
        ) from error
    name = f"[{host}]" if ":" in host else host
    ready(f"http://{name}:{bound.getsockname()[1]}/")
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    with suppress(KeyboardInterrupt):  # how one ends it; the server has closed its connections by then
        uvicorn.Server(config).run(sockets=[bound])


def _bound(host: str, port: int) -> socket.socket:
    # Bound and listening before the page is opened: a browser that comes at once is kept waiting, not turned away.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.create_server((host, port), family=family)
    bound.setblocking(False)
    return bound
