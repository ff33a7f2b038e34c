"""`geopix serve` as a user starts and ends it."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from geopix.cli import main


@contextmanager
def started(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command, running, and its first line."""
    command = [sys.executable, "-m", "geopix", "serve", "--no-open", "--device", "cpu", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline()
        process.kill()


def test_it_says_where_it_listens_and_ends_with_ctrl_c() -> None:
    with started("--port", "0") as (process, line):
        found = re.match(r"(http://127\.0\.0\.1:\d+/)  \(Ctrl-C ends\)", line)
        assert found, line
        with urllib.request.urlopen(found[1]) as page:
            assert b"<title>GeoPix</title>" in page.read()
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)
        assert (process.returncode, told) == (0, ("", ""))


def test_a_taken_port_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(main, ["serve", "--no-open", "--device", "cpu", "--port", port])
    assert done.exit_code == 2
    assert f"--host 127.0.0.1 --port {port}: cannot listen there: Address already in use." in done.output
    assert "Give another --port, or 0 for a free one." in done.output


def test_an_address_of_another_machine_is_told() -> None:
    done = CliRunner().invoke(main, ["serve", "--no-open", "--device", "cpu", "--host", "192.0.2.1"])
    assert done.exit_code == 2
    assert "note: anyone who reaches 192.0.2.1 can ask this model; there is no password" in done.output
    assert "cannot listen there" in done.output


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 4
    assert "pip install 'geopix[serve]'" in done.output
