"""kill -9 in the middle of a run, and the same command again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.results import TaskResult
from harness.store import RecordLog, RunDirectory
from tests.harness.entry_points import install
from tests.harness.small_data import write_data, write_task

QUESTIONS = 40
PLUGIN = """
import time
from pathlib import Path
from harness.plugins import hookimpl
from harness.records import Response

@hookimpl
def geopix_eval_models():
    return {"slow": "slow:Slow"}

class Slow:
    name, digest, settings, reads_images, batch_size = "slow", "s1", {}, True, 2
    def __init__(self, argument, options):
        self.log, self.pause = Path(argument), float(options["pause"])
    def respond(self, requests):
        time.sleep(self.pause)
        with self.log.open("a") as log:
            log.writelines(request.sample_id + "\\n" for request in requests)
        return [Response(text="yes" if int(request.sample_id) % 4 else "no") for request in requests]
"""


def command(folder: Path, output: str, log: str) -> list[str]:
    program = "import sys; from harness.cli import main; sys.argv[0] = 'geopix-eval'; main()"
    places = ["--data-dir", str(folder / "data"), "--output", str(folder / output)]
    task = str(folder / "small.yaml")
    model = ["--model", f"slow:{folder / log}", "--model-option", "pause=0.05"]
    return [sys.executable, "-c", program, "--tasks", task, *model, *places]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    install(tmp_path / "site", "slow", PLUGIN)
    write_data(tmp_path / "data", questions=QUESTIONS, images=8)
    write_task(tmp_path)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(Path.cwd())])}


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def kill_at(folder: Path, arguments: list[str], records: Path, count: int) -> None:
    """Starts a run and kills it, without a chance to tidy up, once so many records are written."""
    process = subprocess.Popen(
        arguments, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if records.exists() and records.read_bytes().count(b"\n") >= count:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    assert process.wait() == -signal.SIGKILL


def finish(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, env=environment(folder), capture_output=True, text=True, check=False, cwd=folder, timeout=120
    )


def result(folder: Path, output: str) -> TaskResult:
    return RunDirectory(folder / output).result("small")


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(folder: Path) -> None:
    records = folder / "killed" / "small" / "records.jsonl"
    killed = command(folder, "killed", "killed.log")
    finished: list[set[str]] = []
    for count in (6, 20):
        kill_at(folder, killed, records, count)
        finished.append({record.sample_id for record in RunDirectory(folder / "killed").records("small")})
        assert count <= len(finished[-1]) < QUESTIONS
        assert RunDirectory(folder / "killed").unfinished() == ["small"]
    before = lines(folder / "killed.log")
    done = finish(folder, killed)
    assert done.returncode == 0, done.stderr
    after = lines(folder / "killed.log")[len(before) :]
    assert not finished[-1] & set(after), "a finished sample was asked twice"
    assert finished[-1] | set(after) == set(map(str, range(QUESTIONS)))
    assert len(after) == len(set(after))

    whole = finish(folder, command(folder, "whole", "whole.log"))
    assert whole.returncode == 0, whole.stderr
    assert records.read_bytes() == (folder / "whole" / "small" / "records.jsonl").read_bytes()
    assert result(folder, "killed") == result(folder, "whole")
    assert done.stdout == whole.stdout


def test_a_run_that_another_process_writes_is_left_alone(folder: Path) -> None:
    arguments = command(folder, "run", "run.log")
    assert finish(folder, arguments).returncode == 0
    with RecordLog(RunDirectory(folder / "run").records_path("small")):
        second = finish(folder, arguments)
    assert second.returncode == 2
    assert "another process is writing" in second.stderr
    assert result(folder, "run").counts.ok == QUESTIONS
    assert len(lines(folder / "run.log")) == QUESTIONS
