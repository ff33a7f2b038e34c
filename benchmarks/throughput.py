"""How busy the model is kept, and what the harness itself costs a sample, beside lmms-eval with the same model.

    python benchmarks/throughput.py [--images 40] [--task rsvqa_hr] [--runs 2] [--lmms-python ENV/bin/python]
    python benchmarks/throughput.py --stand-in

Without `--stand-in`, geopix-mini answers a task of Mini Earth on one thread of the CPU, as a process of geopix-eval and
one of lmms-eval in turns. A process that answers one question is taken off both, so starting and loading do not count.
`model busy` is the time spent in the model's `respond` over the time from the first question to the result. The
harness's own time is the CPU time of taking the same answers from a file, without a model or an image.

`--stand-in` has a model that sleeps as long as an accelerator would work, reads its images as GeoPix does, and gives
the right masks: with the pipeline and without it, in turns.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from harness import evaluate as loop
from harness.asking.read_ahead import ReadAhead
from harness.catalog import Catalogue, shipped
from harness.evaluate import evaluate
from harness.interfaces import Model, ReadsAhead
from harness.model_names import load_model
from harness.plugins import installed
from harness.preparation import first_requests
from harness.records import ImageFile, Request, Response
from harness.settings import Settings
from harness.spec import Task
from harness.store import RunDirectory

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


@dataclass
class Clocked:
    """A model and the time spent in it, by the clock on the wall."""

    model: Any
    seconds: float = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def read_ahead(self, requests: Sequence[Request]) -> None:
        if isinstance(self.model, ReadsAhead):
            self.model.read_ahead(requests)

    def respond(self, requests: Sequence[Request]) -> Sequence[Response]:
        started = time.perf_counter()
        responses: Sequence[Response] = self.model.respond(requests)
        self.seconds += time.perf_counter() - started
        return responses


@dataclass
class StandIn:
    """Sleeps as long as an accelerator would work, on images that it reads as GeoPix does; says what it was told to."""

    told: Mapping[str, Response]
    batch_seconds: float
    name: str = "stand-in"
    digest: str = "stand-in"
    settings: Mapping[str, str] = field(default_factory=dict)
    reads_images: bool = True
    batch_size: int = 16
    batches: int = 0

    def __post_init__(self) -> None:
        self.ahead = ReadAhead(_decoded)

    def read_ahead(self, requests: Sequence[Request]) -> None:
        self.ahead.fetch(image for request in requests for image in request.images)

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        for image in dict.fromkeys(image for request in requests for image in request.images):
            if self.ahead.ready(image.path) is None:
                _decoded(image)
        time.sleep(self.batch_seconds)
        self.batches += 1
        return [self.told[request.sample_id] for request in requests]


def _decoded(image: ImageFile) -> Any:
    from geopix.image_processing import to_rgb  # noqa: PLC0415 - takes torch

    return to_rgb(image.path)


def one_after_the_other(
    batches: Iterable[Any],
    *,
    read_ahead: Callable[[Any], None],
    answer: Callable[[Any], Iterable[Any]],
    finish: Callable[[Any], None],
) -> None:
    """What the loop did before: nothing overlaps."""
    for batch in batches:
        for answers in answer(batch):
            finish(answers)


@dataclass(frozen=True)
class Run:
    """What one evaluation took: seconds on the wall, of them in the model, and CPU seconds."""

    wall: float
    busy: float
    cpu: float


def timed(task: Task, model: Model, data: Path, output: Path, **settings: Any) -> Run:
    clocked = Clocked(model)
    wall, cpu = time.perf_counter(), time.process_time()
    evaluate(task, clocked, RunDirectory(output), Settings(data, previews=0, **settings))
    return Run(time.perf_counter() - wall, clocked.seconds, time.process_time() - cpu)


def process_seconds(command: Sequence[str], scratch: Path) -> float:
    """CPU seconds of a process and those it started."""
    said = scratch / "said.txt"
    with said.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**ENVIRONMENT, "HF_HOME": str(scratch / "hf")}, stdout=out, stderr=out
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{said.read_text()[-3000:]}")
    return usage.ru_utime + usage.ru_stime


def make_earth(folder: Path, images: int) -> Path:
    earth = ["earth", "make", str(folder), "--seed", "7", "--images", str(images), "--workers", "1"]
    command = [sys.executable, "-c", "from geopix.cli import main; main()", *earth, "--splits", "test:1"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder


def samples(run: Path, task: str) -> int:
    return len((run / task / "records.jsonl").read_bytes().splitlines())


def compare_processes(scratch: Path, data: Path, name: str, runs: int, lmms_python: Path) -> tuple[float, float, int]:
    """CPU milliseconds a sample of both harnesses with geopix-mini, starting and loading taken off."""
    ours = [sys.executable, "-m", "harness", "--tasks", name, "--model", "geopix-mini", "--model-option", "device=cpu"]
    ours += ["--data-dir", str(data), "--output"]
    tasks = [sys.executable, "-m", "harness", "export", "lmms", str(scratch / "tasks"), "--tasks", name]
    subprocess.run([*tasks, "--data-dir", str(data)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    theirs = [
        str(lmms_python),
        "-m",
        "lmms_eval",
        "--include_path",
        str(scratch / "tasks"),
        "--tasks",
        f"geopix_{name}",
    ]
    theirs += ["--model", "geopix", "--model_args", "model=geopix-mini,device=cpu", "--batch_size", "16"]
    theirs += ["--log_samples", "--output_path"]
    seconds: dict[str, list[float]] = {"ours": [], "theirs": [], "our start": [], "their start": []}
    for run in range(runs):
        place = str(scratch / f"run{run}")
        seconds["our start"].append(process_seconds([*ours, f"{place}-one", "--limit", "1"], scratch))
        seconds["their start"].append(process_seconds([*theirs, f"{place}-lmms-one", "--limit", "1"], scratch))
        seconds["ours"].append(process_seconds([*ours, f"{place}-ours"], scratch))
        seconds["theirs"].append(process_seconds([*theirs, f"{place}-lmms"], scratch))
    least = {what: min(values) for what, values in seconds.items()}
    count = samples(scratch / "run0-ours", name)
    each = [
        1000 * (least[who] - least[start]) / count for who, start in (("ours", "our start"), ("theirs", "their start"))
    ]
    return each[0], each[1], count


def with_mini(options: argparse.Namespace, scratch: Path) -> None:
    os.environ |= {"OMP_NUM_THREADS": "1"}
    import torch  # noqa: PLC0415 - slow to import

    torch.set_num_threads(1)
    data = make_earth(scratch / "earth", options.images)
    task = Catalogue([shipped("tasks")], installed()).task(options.task)
    model = load_model("geopix-mini", {"device": "cpu"}, installed().models)
    best: Run | None = None
    own: list[float] = []
    for number in range(options.runs):
        output = scratch / f"mini{number}"
        run = timed(task, model, data, output)
        best = run if best is None or run.busy / run.wall > best.busy / best.wall else best
        answers = output / options.task / "records.jsonl"
        again = load_model(f"replay:{answers}", {}, installed().models)
        own.append(timed(task, again, data, scratch / f"again{number}").cpu)
    assert best is not None
    count = samples(scratch / "mini0", options.task)
    print(
        f"{count} samples of {options.task}, {options.images} images, geopix-mini, one thread, best of {options.runs}\n"
    )
    print("| what | measured | bar |\n|---|---:|---:|")
    print(f"| model busy, of the time from the first question to the result | {best.busy / best.wall:.1%} | 90 % |")
    print(f"| the harness's own CPU ms a sample | {1000 * min(own) / count:.3f} | 0.1 |", flush=True)
    if options.lmms_python:
        ours, theirs, count = compare_processes(scratch, data, options.task, options.runs, options.lmms_python)
        print(f"| geopix-eval, CPU ms a sample, model included | {ours:.1f} | |")
        print(f"| lmms-eval, CPU ms a sample, model included | {theirs:.1f} | |")
        print(f"| lmms-eval over geopix-eval | {theirs / ours:.2f} | |")


def with_stand_in(options: argparse.Namespace, scratch: Path) -> None:
    data = make_earth(scratch / "earth", options.images)
    task = Catalogue([shipped("tasks")], installed()).task(options.task)
    requests = first_requests(task, Settings(data), 10**9)
    answers = {request.sample_id: Response(text="yes") for request in requests}
    if options.task != "rsvqa_hr":
        whole = list(task.reader.samples(data / task.spec.dataset.root))
        answers = {sample.id: Response(text="<SEG>", masks=sample.target.masks) for sample in whole}
    _decoded(requests[0].images[0])  # torch is imported here
    runs: dict[str, list[Run]] = {"one after the other": [], "in threads": []}
    for number in range(options.runs):
        for way, found in runs.items():
            model = StandIn(answers, options.batch_seconds)
            output = scratch / f"{way.replace(' ', '-')}{number}"
            if way == "in threads":
                found.append(timed(task, model, data, output))
            else:
                with mock.patch.object(loop, "pipelined", one_after_the_other):
                    found.append(timed(task, model, data, output))
    print(f"{len(answers)} samples of {options.task}, 16 at a time, {options.batch_seconds} s a batch\n")
    print("| way | least wall s | of it the model's, asleep | share |\n|---|---:|---:|---:|")
    asleep = options.batch_seconds * model.batches
    for way, found in runs.items():
        wall = min(run.wall for run in found)
        print(f"| {way} | {wall:.2f} | {asleep:.2f} | {asleep / wall:.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--task", default="rsvqa_hr")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--lmms-python", type=Path, help="the interpreter of an environment with lmms-eval and geopix")
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--batch-seconds", type=float, default=0.05)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (with_stand_in if options.stand_in else with_mini)(options, Path(folder))


if __name__ == "__main__":
    main()
