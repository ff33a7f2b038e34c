"""How a command ends that nobody meant to end so: bugs, Ctrl-C, a closed pipe."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harness.cli import Group, main
from harness.errors import MissingDataError
from harness.store import RunDirectory
from tests.harness.entry_points import install
from tests.harness.small_data import write_data, write_task

PLUGIN = """
import time
from harness.plugins import hookimpl
from harness.records import Response

@hookimpl
def geopix_eval_models():
    return {"broken": "odd:broken", "slow": "odd:Slow"}

def broken(argument, options):
    raise RuntimeError("the factory is broken")

class Slow:
    name, digest, settings, reads_images, batch_size = "slow", "s1", {}, False, 1
    def __init__(self, argument, options):
        self.pause = float(argument)
    def respond(self, requests):
        time.sleep(self.pause)
        return [Response(text="yes")]
"""


def process(folder: Path, model: str) -> subprocess.Popen[str]:
    program = "import sys; from harness.cli import main; sys.argv[0] = 'geopix-eval'; main()"
    places = ["--data-dir", str(folder / "data"), "--output", str(folder / "run")]
    return subprocess.Popen(
        [sys.executable, "-c", program, "--tasks", str(folder / "small.yaml"), "--model", model, *places],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(Path.cwd())])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - no thread runs here
    )


def heed_interrupts() -> None:
    """A suite that a shell started in the background hands its deafness to Ctrl-C on to its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    install(tmp_path / "site", "odd", PLUGIN)
    write_data(tmp_path / "data")
    write_task(tmp_path)
    return tmp_path


def test_a_bug_in_a_plugin_keeps_its_traceback_and_is_no_failed_gate(folder: Path) -> None:
    started = process(folder, "broken:")
    _, said = started.communicate(timeout=60)
    assert started.returncode == 70
    assert "Traceback" in said
    assert "RuntimeError: the factory is broken" in said
    assert said.rstrip().endswith("This is a bug, here or in a plugin. Please report it with the lines above.")


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(folder: Path) -> None:
    run = RunDirectory(folder / "run")
    interrupted = process(folder, "slow:0.3")
    deadline = time.monotonic() + 60
    while not run.records_path("small").exists() or not run.records_path("small").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    assert said.rstrip().endswith("Interrupted. The same command goes on where a run stopped.")
    assert "Traceback" not in said
    kept = len(list(run.records("small")))
    assert 0 < kept < 12
    again = process(folder, "slow:0")
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert run.result("small").counts.total == 12


ENDS = {
    "user": (MissingDataError("the data is not there"), 4, "Error: the data is not there\n"),
    "usage": (click.UsageError("no such word"), 2, "no such word\n"),
    "bug": (ZeroDivisionError("by zero"), 70, "Please report it with the lines above.\n"),
}


@pytest.mark.parametrize("name", ENDS)
def test_each_way_to_end_has_its_code(name: str) -> None:
    error, code, words = ENDS[name]

    def fail() -> None:
        raise error

    group = Group("test", commands=[click.Command("fail", callback=fail)])
    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == code
    assert result.stderr.endswith(words)


def test_a_reader_that_goes_away_is_no_bug() -> None:
    def fail() -> None:
        raise BrokenPipeError

    group = Group("test", commands=[click.Command("fail", callback=fail)])
    assert "Traceback" not in CliRunner().invoke(group, ["fail"]).stderr


def test_the_help_names_the_codes() -> None:
    assert "70 a bug, here or in a plugin; 130 interrupted" in " ".join(CliRunner().invoke(main, ["-h"]).output.split())
