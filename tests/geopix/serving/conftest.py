"""A real server with the shipped model, on a free port of this machine."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from PIL import Image

from geopix.mini import MINI
from geopix.predictor import GeoPix
from geopix.serving.command import LOCAL
from geopix.serving.desk import Desk
from geopix.serving.server import application


@pytest.fixture(scope="package")
def desk() -> Desk:
    return Desk(GeoPix.from_pretrained(MINI, device="cpu"), "geopix-mini", room=3)


@pytest.fixture(scope="package")
def address(desk: Desk) -> Iterator[str]:
    """The server's address, without the last slash."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(desk, list(LOCAL)), log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    bound.close()


@pytest.fixture
def earth_image(earth: Path) -> Image.Image:
    """A drawn scene of 128 x 128 pixels, with buildings."""
    with Image.open(sorted((earth / "rrsisd").rglob("*.jpg"))[0]) as opened:
        return opened.convert("RGB")
