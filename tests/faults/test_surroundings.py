"""What happens around a run: a full disk, a folder that cannot be written, data that vanishes, a clock that jumps.

Every run ends with words and exit code 4 or 3, and when the trouble is over the same command ends as a quiet run does.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.several_processes import Place, await_records

LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
runpy.run_module("harness", run_name="__main__", alter_sys=True)
"""
#: A file system of its own, of a size of its own, at the folder `disk`; gone with the shell.
ON_A_SMALL_DISK = """
mkdir -p disk && mount -t tmpfs -o size={size} tmpfs disk || exit 99
{command}; echo "first $?"
{change} || exit 99
{command}; echo "second $?"
mount -o remount,rw,size=64m disk
{command}; echo "third $?"
cp -r disk/run run
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    place = Place(tmp_path_factory.mktemp("quiet"))
    ((code, _, said),) = place.run("quiet")
    assert code == 0, said
    return place.files("quiet")


def ended(process: "subprocess.Popen[str]", code: int, *words: str) -> None:
    """A process has ended with this code and these words, and with no traceback."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said
    for word in words:
        assert word in said.replace("\n", " ")


def limited(place: Place, size: int, *options: str) -> "subprocess.Popen[str]":
    """The command in a process whose files may grow no larger than so many bytes."""
    command = place.command("run", *options)
    return place.start([sys.executable, "-c", LIMITED, str(size), *command[3:]])


def test_a_disk_that_fills_while_answers_come(place: Place, quiet: dict[str, bytes]) -> None:
    ended(limited(place, 20_000), 4, "cannot be written: File too large. Answers written before are kept. Make room")
    kept = place.records("run")
    assert 0 < len(kept) < 96
    assert (place.path / "run" / "small" / "records.jsonl").read_bytes().endswith(b"\n"), "no torn line is left"
    ((code, _, said),) = place.run("run")
    assert code == 0, said
    assert place.files("run") == quiet


def test_a_disk_that_fills_while_a_run_is_closed(place: Place, quiet: dict[str, bytes]) -> None:
    shares = [limited(place, 40_000, "--shard", f"{number}/3") for number in (1, 2)]
    for share in shares:
        ended(share, 0)
    ended(limited(place, 40_000, "--shard", "3/3"), 4, "cannot be written: File too large.")
    assert len(place.records("run")) == 96
    assert not list((place.path / "run" / "small").glob(".*.tmp")), "half a file would keep the disk full"
    merge = [sys.executable, "-m", "harness", "merge", "run", "--task-dir", str(place.path)]
    ended(place.start(merge), 0)
    assert place.files("run") == quiet


def shell(place: Place, script: str) -> str:
    """Runs a script that may mount; skips where that is not allowed."""
    words = ["unshare", "--mount", "sh", "-c", script]
    path = os.pathsep.join([str(place.path / "site"), str(Path.cwd())])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(words, cwd=place.path, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 99 or "first" not in done.stdout:
        pytest.skip(f"needs to mount a file system of its own: {done.stderr[-200:]}")
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def on_a_small_disk(place: Place, size: str, change: str) -> str:
    command = " ".join(place.command("disk/run"))
    return shell(place, ON_A_SMALL_DISK.format(size=size, command=command, change=change))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "change", "codes", "words"),
    [
        ("40k", "true", (4, 4, 0), "No space left on device"),
        ("64m", "rm disk/run/small/result.json && mount -o remount,ro disk", (0, 4, 0), "Read-only file system"),
    ],
)
def test_a_real_disk(  # noqa: PLR0917
    place: Place, quiet: dict[str, bytes], size: str, change: str, codes: tuple[int, ...], words: str
) -> None:
    said = on_a_small_disk(place, size, change)
    for turn, code in zip(("first", "second", "third"), codes, strict=True):
        assert f"{turn} {code}\n" in said, said
    assert words in said
    assert place.files("run") == quiet


def test_nobody_can_be_told_on_a_full_screen(place: Place) -> None:
    with Path("/dev/full").open("w") as full:
        command = place.command("run")
        path = os.pathsep.join([str(place.path / "site"), str(Path.cwd())])
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": path}, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 4, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert place.directory("run").is_finished("small")


def test_a_folder_that_cannot_be_made(place: Place) -> None:
    command = place.command("unused", "--output", "/proc/none/run")
    ended(place.start(command), 4, "the run's folder /proc/none/run cannot be written", "Name another with --output")


@pytest.mark.parametrize("share", ["1/1", "2/2"])
def test_data_that_vanishes_in_the_middle(place: Place, quiet: dict[str, bytes], share: str) -> None:
    if share == "2/2":
        ((code, _, _),) = place.run("run", "--shard", "1/2")
        assert code == 0
    before = len(place.records("run"))
    process = place.start(place.command("run", "--shard", share, "--model-option", "pause=0.3"))
    await_records(place, "run", before + 4)
    away = (place.path / "data").rename(place.path / "away")
    if share == "1/1":
        ended(process, 3, "samples failed:", "FileNotFoundError", "The same command asks the failed samples again.")
    else:
        ended(process, 4, "task small: the data is not at")
    away.rename(place.path / "data")
    ended(place.start(place.command("run")), 0)
    assert place.files("run") == quiet


def test_a_clock_that_jumps(place: Place, quiet: dict[str, bytes]) -> None:
    jumps = "+".join(["86400000", "-172800000", "1", "-1"] * 6)
    ended(place.start(place.command("run", "--shard", "1/2", "--model-option", f"jumps={jumps}")), 0)
    for path in (place.path / "run").rglob("*"):
        os.utime(path, (0, 0) if path.suffix == ".jsonl" else (4e9, 4e9))
    ended(place.start(place.command("run", "--shard", "2/2", "--model-option", f"jumps={jumps}")), 0)
    assert place.files("run") == quiet


def spoil_a_line(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:3], lines[3][:40] + b"\n", *lines[4:]])


@pytest.mark.parametrize(
    "spoil", [spoil_a_line, lambda content: content[:500] + bytes(64) + content[564:]], ids=["torn", "zeros"]
)
def test_a_damaged_line_is_named_and_costs_its_sample_alone(
    place: Place, quiet: dict[str, bytes], spoil: Callable[[bytes], bytes]
) -> None:
    ended(place.start(place.command("run", "--shard", "1/2")), 0)
    (file,) = (place.path / "run" / "small").glob("records.1-of-2.jsonl")
    whole = file.read_bytes()
    spoilt = spoil(whole)
    file.write_bytes(spoilt)
    number = next(n for n, (a, b) in enumerate(zip(whole.split(b"\n"), spoilt.split(b"\n"), strict=False), 1) if a != b)
    words = f"records.1-of-2.jsonl:{number}: this line is not a record"
    ended(place.start(place.command("run", "--shard", "2/2")), 4, words, "Remove it and run the same command again")
    lines = spoilt.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: number - 1] + lines[number:]))
    ended(place.start(place.command("run")), 0)
    assert place.files("run") == quiet
