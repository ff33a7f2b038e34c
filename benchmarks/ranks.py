"""How fast each of several processes answers: geopix-mini on a task of Mini Earth, started as torchrun starts them.

    python benchmarks/ranks.py [--images 60] [--task rrsis] [--processes 1 2]

CPU seconds are of whole processes. Those of one that answers one question, imports and the loading of the model for the
most part, are taken off before they are divided among the samples. On a busy machine they alone say something. The
records of all numbers of processes are compared, but for their times.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GEOPIX_EVAL = [sys.executable, "-m", "harness"]
GEOPIX = [sys.executable, "-c", "from geopix.cli import main; main()"]


def started(command: list[str], rank: int, count: int) -> "subprocess.Popen[bytes]":
    told = {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)}
    environment = {**os.environ, **told, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measured(command: list[str], count: int) -> tuple[float, float]:
    """Wall seconds until all have ended, and CPU seconds of all together."""
    start = time.perf_counter()
    processes = [started(command, rank, count) for rank in range(count)]
    busy = 0.0
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"a process ended with {process.returncode}: {command}")
        busy += usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, busy


def records(run: Path, task: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / task / "records.jsonl").read_text().splitlines()]


def untimed(run: Path, task: str) -> list[dict[str, object]]:
    """The records without what the clock says."""
    found = records(run, task)
    for record in found:
        record["response"]["seconds"] = None  # type: ignore[index]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--task", default="rrsis")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print("| processes | samples | wall s | CPU s, all | CPU ms a sample | samples a CPU second |")
    print("|---:|---:|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        earth = [*GEOPIX, "earth", "make", str(data), "--seed", "7", "--images", str(options.images), "--workers", "1"]
        subprocess.run([*earth, "--splits", "test:1"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        model = ["--tasks", options.task, "--model", "geopix-mini", "--model-option", "device=cpu"]
        command = [*GEOPIX_EVAL, *model, "--data-dir", str(data), "--output"]
        _, start = measured([*command, str(Path(folder) / "one"), "--limit", "1"], 1)
        runs = []
        for count in options.processes:
            runs.append(Path(folder) / f"run{count}")
            wall, busy = measured([*command, str(runs[-1])], count)
            samples = len(records(runs[-1], options.task))
            each = (busy - count * start) / samples
            print(f"| {count} | {samples} | {wall:.0f} | {busy:.1f} | {1000 * each:.0f} | {1 / each:.0f} |", flush=True)
        same = all(untimed(run, options.task) == untimed(runs[0], options.task) for run in runs)
    print(f"\nThe records are {'the same' if same else 'NOT the same'}, but for their times.")


if __name__ == "__main__":
    main()
