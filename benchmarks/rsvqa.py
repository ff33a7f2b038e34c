"""RSVQA-HR's test set 1 at its full size: 222,684 questions read, parsed and scored, and what that takes.

    python benchmarks/rsvqa.py [--questions 222684] [--images 2226] [--runs 3]

The files are drawn in the published layout. Two ways are measured, each in a process of its own: `scored` reads the
questions, parses an answer to each, scores it, and draws the intervals of all questions and of each type, with nothing
written; `geopix-eval` is the whole command on a file of answers, which also makes and keeps a record of each question.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overhead import ROOT, write_questions

SCORED = """
import gc, sys
gc.set_threshold(50_000)  # as the command does
from pathlib import Path
from harness.catalog import Catalogue, shipped
from harness.closing import score_answers
from harness.models.replay import replay
from harness.plugins import installed
from harness.preparation import prepare
from harness.scoring import record
from harness.settings import Settings
root, answers = map(Path, sys.argv[1:])
task = Catalogue([shipped("tasks")], installed()).task("rsvqa_hr")
model = replay(str(answers), {})
settings = Settings(root)
works = list(prepare(task, model, settings))
responses = model.respond([work.request for work in works])
records = [record(task, work, response) for work, response in zip(works, responses, strict=True)]
score_answers(task, works, records, settings)
"""
WRAPPER = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
sys.stderr.buffer.write(done.stderr if done.returncode else b"")
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)
sys.exit(done.returncode)
"""


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the most memory in GiB of one process."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", WRAPPER, *command], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    wall = time.perf_counter() - start
    cpu, memory = map(float, done.stdout.split())
    return wall, cpu, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=222_684)
    parser.add_argument("--images", type=int, default=2_226)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_questions(root, options.questions, options.images)
        answers = str(root / "answers.jsonl")
        whole = [sys.executable, "-c", "from harness.cli import main; main()", "--tasks", "rsvqa_hr"]
        whole += ["--model", f"replay:{answers}", "--data-dir", str(root), "--output"]
        print("| way | least wall seconds | least CPU seconds | most memory, GiB |")
        print("|---|---:|---:|---:|")
        scored = [measured([sys.executable, "-c", SCORED, str(root), answers]) for _ in range(options.runs)]
        report("scored", scored)
        report("geopix-eval", [measured([*whole, str(root / f"run{run}")]) for run in range(options.runs)])
        result = json.loads((root / "run0/rsvqa_hr/result.json").read_text())
        assert sum(result["counts"].values()) >= options.questions


def report(way: str, runs: list[tuple[float, float, float]]) -> None:
    walls, cpus, memories = zip(*runs, strict=True)
    print(f"| {way} | {min(walls):.1f} | {min(cpus):.1f} | {max(memories):.2f} |")


if __name__ == "__main__":
    main()
