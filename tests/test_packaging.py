"""The wheel: built, installed in an environment of its own, and used from an empty folder."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.catalog import shipped
from tests.harness.small_data import write_data, write_task

ROOT = Path(__file__).resolve().parents[1]


def done(command: Sequence[object], cwd: Path) -> str:
    """Runs a command that must succeed, without the checkout in its way; returns what it printed."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    run = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder], cwd=ROOT)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment that holds the wheel; its dependencies are this environment's."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--quiet"]
    done([*pip, "install", "--no-deps", "--no-index", wheel], cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched, but its own .pth files, the checkout's among them, are not obeyed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_everything_that_is_read_at_run_time_travels_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    for package in ("geopix", "harness"):
        files = [path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert {path.relative_to(ROOT).as_posix() for path in files} <= packed
    for folder in ("tasks", "leaderboards"):
        names = {f"harness/_data/{folder}/{path.name}" for path in (ROOT / folder).iterdir()}
        assert names
        assert names <= packed
    assert not any(name.startswith("tests/") for name in packed)


def test_the_installed_command_lists_the_shipped_tasks(programs: Path, tmp_path: Path) -> None:
    listed = done([programs / "geopix-eval", "ls"], cwd=tmp_path)
    names = {line.replace(",", " ").split()[0] for line in listed.splitlines()}
    assert names == {file.stem for file in shipped("tasks").glob("*.yaml")}
    place = done([programs / "python", "-c", "import harness; print(harness.__file__)"], cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(programs.parent)


def test_the_installed_commands_work_from_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    task = write_task(tmp_path)
    run = [programs / "geopix-eval", "--tasks", task, "--model", "baseline:constant", "--output", "run"]
    assert "66.67" in done(run, cwd=tmp_path)
    done([programs / "geopix-eval", "leaderboard", "run", "-o", "board.html"], cwd=tmp_path)
    assert "A small test" in (tmp_path / "board.html").read_text(encoding="utf-8")
    assert "Usage: geopix" in done([programs / "geopix", "--help"], cwd=tmp_path)
