"""Runs of several real processes over the small data set, with a model that takes its time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.processes.shards import Shard
from harness.records import Record
from harness.store import RunDirectory, read_records
from tests.harness.entry_points import install
from tests.harness.small_data import write_data, write_task

#: It answers by the sample alone, at its own pace; the clock may jump while it does.
PLUGIN = """
import time
from harness.plugins import hookimpl
from harness.records import Response

@hookimpl
def geopix_eval_models():
    return {"steady": "steady:Steady"}

class Steady:
    name, settings, reads_images = "steady", {}, True
    def __init__(self, argument, options):
        self.pause = float(options.get("pause", 0))
        self.batch_size = int(options.get("batch_size", 2))
        self.digest = argument or "s1"
        self.jumps = [int(seconds) for seconds in options.get("jumps", "").split("+") if seconds]
        self.refused = set(filter(None, options.get("refused", "").split("+")))
    def respond(self, requests):
        if self.refused & {request.sample_id for request in requests}:
            raise RuntimeError("no answer to this one")
        for request in requests:
            request.images[0].path.read_bytes()
        time.sleep(self.pause)
        if self.jumps:
            time.time = lambda now=time.time, jump=self.jumps.pop(): now() + jump
        return [Response(text=("yes", "no", "perhaps")[int(request.sample_id) % 5 % 3]) for request in requests]
"""


class Place:
    """A folder with a data set, its task and a model, and commands over them.

    Args:
        path: an empty folder.
        questions: how many questions there are.
        images: about how many images.
    """

    def __init__(self, path: Path, questions: int = 96, images: int = 24) -> None:
        self.path = path
        install(path / "site", "steady", PLUGIN)
        write_data(path / "data", questions=questions, images=images)
        write_task(path)

    def command(self, output: str, *options: str, model: str = "steady:") -> list[str]:
        places = ["--data-dir", str(self.path / "data"), "--output", str(self.path / output)]
        task = str(self.path / "small.yaml")
        return [sys.executable, "-m", "harness", "--tasks", task, "--model", model, *places, *options]

    def start(self, command: Sequence[str], rank: int = 0, count: int = 1, **variables: str) -> "subprocess.Popen[str]":
        """Starts one of several processes as torchrun would."""
        told = {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)} if count > 1 else {}
        path = os.pathsep.join([str(self.path / "site"), str(Path.cwd())])
        return subprocess.Popen(
            list(command),
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **told, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.path,
        )

    def run(self, output: str, *options: str, count: int = 1, model: str = "steady:") -> list[tuple[int, str, str]]:
        """Runs all processes to their end; returns the exit code and both streams of each."""
        command = self.command(output, *options, model=model)
        started = [self.start(command, rank, count) for rank in range(count)]
        return [
            (process.returncode, out, err) for process in started for out, err in [process.communicate(timeout=120)]
        ]

    def directory(self, output: str) -> RunDirectory:
        return RunDirectory(self.path / output)

    def records(self, output: str) -> list[Record]:
        """What lies in all files of the task, in no order."""
        files = self.directory(output).record_files("small")
        return [record for path in files for record in read_records(path)]

    def files(self, output: str) -> dict[str, bytes]:
        """The finished task's files; nothing else but pictures and the lock may lie beside them."""
        folder = self.path / output / "small"
        found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        assert set(found) == {"records.jsonl", "result.json", ".lock"}, sorted(found)
        return {name: content for name, content in found.items() if name != ".lock"}


def await_records(place: Place, output: str, count: int, shard: Shard | None = None, seconds: float = 120) -> None:
    """Waits until so many records are written, by one process where it is named; none are there when its file is."""
    directory = place.directory(output)
    deadline = time.monotonic() + seconds
    while True:
        files = directory.record_files("small") if shard is None else [directory.records_path("small", shard)]
        if any(path.exists() for path in files) and sum(map(lines, files)) >= count:
            return
        assert time.monotonic() < deadline, f"fewer than {count} records after {seconds} s"
        time.sleep(0.01)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill(process: "subprocess.Popen[str]") -> None:
    """kill -9, without a chance to tidy up."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
