"""What an answer costs: the authors' released code and ours, on the same weights, images and questions.

    python benchmarks/inference.py [WORKLOAD ..] --release DIR [--runs 3] [--threads 2]
        [--authors-code DIR --authors-python PYTHON] [--ways NAME,NAME]

DIR is a checkpoint in the released layout; ours is converted from it first. The authors' code is fetched by whoever
measures (github.com/Norman-Ou/GeoPix at 4ae9a35) and runs in an environment of its own as a child process; without it
ours runs alone. Each way of ours is a child process too, and all children answer in turns. Pictures are pixels and
questions are token ids, made here from a seed, so that nothing but the models is measured.

Answers about words are the models' own, greedy ones. Weights drawn at random speak no masks, so the answers of the
`segment` workloads are forced on both sides, after the real logits were computed. All answers are compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from inference_ours import WAYS
from torch import Tensor

from geopix.conversion.convert import convert

HERE = Path(__file__).resolve().parent
IMAGE_TOKEN, RUN, END = 32000, [32002, 32003, 32004, 32005, 32006, 32007], 2
SYSTEM_TOKENS, IMAGE_TOKENS = 40, 1024


def workload(images: int, questions: int, max_new_tokens: int, targets: int = 0) -> dict[str, Any]:
    """Questions about images, so many each; with targets, answers that speak them between a few words."""
    random = torch.Generator().manual_seed(images * 1000 + questions)
    head = torch.cat([torch.tensor([1]), words(SYSTEM_TOKENS, random), torch.full((IMAGE_TOKENS,), IMAGE_TOKEN)])
    lengths = torch.randint(10, 26, (images * questions,), generator=random).tolist()
    spoken = [word for _ in range(targets) for word in (*words(2, random).tolist(), *RUN)]
    return {
        "pixels": pictures(images, random),
        "image": [image for image in range(images) for _ in range(questions)],
        "prompts": [torch.cat([head, words(length, random)]) for length in lengths],
        "forced": [torch.tensor([*spoken, END])] * (images * questions) if targets else [],
        "max_new_tokens": len(spoken) + 1 if targets else max_new_tokens,
    }


def words(count: int, random: torch.Generator) -> Tensor:
    return torch.randint(1000, 31000, (count,), generator=random)


def pictures(count: int, random: torch.Generator) -> Tensor:
    """Smooth noise, float32[count, 3, 448, 448], as normalised pixels spread."""
    coarse = torch.randn(count, 3, 28, 28, generator=random)
    return torch.nn.functional.interpolate(coarse, (448, 448), mode="bicubic")


WORKLOADS = {
    "1 question an image, 4 tokens": lambda: workload(8, 1, 4),
    "1 question an image, 16 tokens": lambda: workload(8, 1, 16),
    "1 question an image, 256 tokens": lambda: workload(8, 1, 256),
    "32 questions an image, 4 tokens": lambda: workload(1, 32, 4),
    "32 questions an image, 16 tokens": lambda: workload(1, 32, 16),
    "segment 1 target": lambda: workload(4, 1, 0, targets=1),
    "segment 2 targets": lambda: workload(4, 1, 0, targets=2),
    "segment 4 targets": lambda: workload(4, 1, 0, targets=4),
}


@dataclass
class Child:
    """A process that answers workloads, and the least that each has taken.

    Attributes:
        command: what starts it.
        least: for each workload its least wall seconds, CPU seconds and MiB above the loaded model.
        answers: for each workload, where the answers lie.
    """

    command: list[str]
    least: dict[str, dict[str, float]] = field(default_factory=dict)
    answers: dict[str, Path] = field(default_factory=dict)

    def start(self, threads: int) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
        environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )

    def wait(self) -> None:
        self._line()

    def ask(self, name: str, out: Path) -> None:
        assert self.process.stdin is not None
        print(json.dumps({"workload": name, "out": str(out)}), file=self.process.stdin, flush=True)
        took = json.loads(self._line())
        before = self.least.get(name, took)
        self.least[name] = {what: min(took[what], before[what]) for what in took}
        self.answers[name] = out

    def _line(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # transformers may talk before it
            if line.startswith(("ready", "{")):
                return line
        raise SystemExit(f"{' '.join(self.command[:3])} ended with {self.process.wait()}; its message stands above.")


def difference(one: Child, other: Child, name: str) -> tuple[int, int, float]:
    """How many answers say the same words, of how many, and the largest difference of their mask logits."""
    theirs, ours = (torch.load(child.answers[name], weights_only=True) for child in (one, other))
    same = sum(torch.equal(a["tokens"], b["tokens"]) for a, b in zip(theirs, ours, strict=True))
    masks = [(a["masks"] - b["masks"]).abs().max().item() for a, b in zip(theirs, ours, strict=True) if len(a["masks"])]
    return same, len(theirs), max(masks, default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="; ".join(WORKLOADS))
    parser.add_argument("--release", type=Path, required=True, help="a checkpoint in the released layout")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ways", default=",".join(WAYS), help=", ".join(WAYS))
    parser.add_argument("--authors-code", type=Path)
    parser.add_argument("--authors-python")
    options = parser.parse_args()
    names, ways = options.workloads or list(WORKLOADS), options.ways.split(",")
    if unknown := {*names} - {*WORKLOADS} | {*ways} - {*WAYS}:
        parser.error(f"unknown {', '.join(sorted(unknown))}; known: {'; '.join([*WORKLOADS, *WAYS])}")
    if bool(options.authors_code) != bool(options.authors_python):
        parser.error("--authors-code and --authors-python go together")
    with tempfile.TemporaryDirectory() as folder:
        measure(options, names, ways, Path(folder))


def measure(options: argparse.Namespace, names: list[str], ways: list[str], folder: Path) -> None:
    files = str(folder / "workloads.pt"), str(options.threads)
    torch.save({name: WORKLOADS[name]() for name in names}, files[0])
    checkpoint = folder / "checkpoint"
    convert(options.release, checkpoint)
    script = [sys.executable, str(HERE / "inference_ours.py"), str(checkpoint), *files]
    children = {way: Child([*script, way]) for way in ways}
    if options.authors_code:
        script = [options.authors_python, str(HERE / "inference_authors.py")]
        children["authors"] = Child([*script, str(options.authors_code), str(options.release), *files])
    for child in children.values():
        child.start(options.threads)
    for child in children.values():
        child.wait()
    for _ in range(options.runs):
        for place, name in enumerate(names):
            for number, child in enumerate(children.values()):
                child.ask(name, folder / f"{number}-{place}.pt")
    authors = children.pop("authors", None)
    if authors:
        against(authors, children, names)
    rows(children, names)


def against(authors: Child, children: dict[str, Child], names: list[str]) -> None:
    """Prints the authors' questions a second beside those of the way of ours that takes the least CPU time."""
    print(
        "| workload | authors: q/s | MiB | ours: q/s | MiB | way | times as fast: wall | CPU | same answers | masks |"
    )
    print("|---|---:|---:|---:|---:|---|---:|---:|---:|---:|")
    for name in names:
        way = min(children, key=lambda way: children[way].least[name]["cpu"])
        their, our = authors.least[name], children[way].least[name]
        same, count, masks = difference(authors, children[way], name)
        speeds = [f"{count / side['wall']:.2f} | {side['mebibytes']:.0f}" for side in (their, our)]
        ratios = [f"{their[clock] / our[clock]:.1f}" for clock in ("wall", "cpu")]
        print("|", " | ".join([name, *speeds, way, *ratios, f"{same} of {count}", f"{masks:.0e}"]), "|")
    print()


def rows(children: dict[str, Child], names: list[str]) -> None:
    """Prints milliseconds a question for each way of ours."""
    print("| ours, CPU ms a question (MiB) |", " | ".join(names), "|")
    print("|---|", "---:|" * len(names), sep="")
    for way, child in children.items():
        counts = [len(torch.load(child.answers[name], weights_only=True)) for name in names]
        took = [child.least[name] for name in names]
        cells = [f"{1000 * t['cpu'] / count:.1f} ({t['mebibytes']:.0f})" for t, count in zip(took, counts, strict=True)]
        print("|", " | ".join([way, *cells]), "|")


if __name__ == "__main__":
    main()
