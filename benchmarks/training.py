"""What a step of training costs: `geopix train` beside transformers' Trainer with a LLaVA of the same size.

    python -m benchmarks.training [--size mini] [--device cpu] [--precision float32] [--attention sdpa] [--workers 2]
        [--steps 4] [--rounds 3] [--images 8] [--accumulate 1] [--questions 10] [--threads 2] [--lora]
        [--gradient-checkpointing] [--rows words,masks]
    python -m benchmarks.training --size 7b --device cuda --precision bfloat16 --lora --images 4 --accumulate 2
    python -m benchmarks.training --size 7b --precision bfloat16 --lora --images 4 --accumulate 2 --dry-run

Both train a CLIP and a Llama of the same configurations with fresh weights, in the same precision and with AdamW, on
the same rows of tokens about the same pictures of a Mini Earth, read by the same code and prepared by as many
processes. The Trainer reads a row as LLaVA does, each token seeing all before it. Of the rows `words`, no answer has a
mask; of the rows `masks`, half of the images are RRSIS-D's, about which `geopix train` makes masks while the Trainer
learns their tokens as words.

Each side is a process, and they take rounds of steps in turns: while one works, the other and those who prepare its
data are stopped. The first round warms up and is left out. Ratios are medians over the rounds. A sample is an image
with its questions, tokens are those of rows without padding, `waiting` is the share of time for which the loop waits
for its next batch, and memory is `torch.cuda.max_memory_allocated`, or the most that a side's own process has held on
a CPU. `benchmarks/training_arithmetic.py` says how the share of the machine's peak is counted; on a CPU, which others
may be using, work and peak are both taken by CPU time.

`--dry-run` trains nothing and needs no weights: it counts the operations of a step's rows, and estimates the memory
that `geopix train` takes.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median

import torch

from benchmarks.training_arithmetic import Arithmetic, Row, peak
from benchmarks.training_side import Material, Settings, rows_of
from geopix.earth.make import make_earth
from geopix.training.memory import Load, activations, on_meta, weigh

ROOT = Path(__file__).resolve().parents[1]
SIDES = {"plain": "the plain Trainer", "geopix": "geopix train"}
PIXELS = {"tiny": 64, "mini": 256, "7b": 800}  # a picture's side on disk; RRSIS-D's are of 800
PICTURES = 48

Round = Mapping[str, float]


@dataclass
class Side:
    """A process that trains a round of steps each time it is asked, and does nothing in between.

    Attributes:
        name: plain or geopix.
        settings: what it trains.
        rounds: what each round took, the first left out.
    """

    name: str
    settings: Settings
    rounds: list[Round] = field(default_factory=list)

    def __enter__(self) -> "Side":
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if self.settings.device == "cpu" else {}
        threads = {"OMP_NUM_THREADS": str(self.settings.threads), "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, "-m", "benchmarks.training_side", self.name, json.dumps(asdict(self.settings))]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **hidden, **threads},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that it can be stopped with those who prepare its data
        )
        try:
            self._line("ready")
            self._round()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def ask(self) -> None:
        """Lets it train a round."""
        os.killpg(self.process.pid, signal.SIGCONT)
        self.rounds.append(self._round())

    def _round(self) -> Round:
        assert self.process.stdin is not None
        print(file=self.process.stdin, flush=True)
        found: Round = json.loads(self._line("report"))
        os.killpg(self.process.pid, signal.SIGSTOP)
        return found

    def _line(self, word: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # the Trainer prints its log
            if line.startswith(word):
                return line.removeprefix(word)
        raise SystemExit(f"the side {self.name} ended with {self.process.wait()}; its message stands above.")

    def total(self, what: str) -> float:
        return sum(each[what] for each in self.rounds)


Measured = tuple[dict[str, Side], float, str]


def ratios(plain: Sequence[Round], ours: Sequence[Round], clock: str) -> list[float]:
    """How many times as many samples ours trains in the same time, round by round."""
    speeds = ([each["samples"] / each[clock] for each in side] for side in (plain, ours))
    return [our / their for their, our in zip(*speeds, strict=True)]


def settings_of(options: argparse.Namespace, rows: str, folder: Path) -> Settings:
    own = {"masks": rows == "masks", "data": str(folder / "earth"), "scratch": str(folder / rows)}
    given = {each.name: getattr(options, each.name) for each in fields(Settings) if each.name not in own}
    return Settings(**given, **own)


def measure(options: argparse.Namespace, rows: str, folder: Path) -> Measured:
    """Trains both sides in turns; returns them with the machine's peak and where that is known from."""
    settings = settings_of(options, rows, folder)
    peaks = []
    with ExitStack() as stack:
        sides = {name: stack.enter_context(Side(name, settings)) for name in SIDES}
        for _ in range(options.rounds):
            peaks.append(peak(options.device, getattr(torch, options.precision)))
            for side in sides.values():
                side.ask()
    return sides, max(value for value, _ in peaks), peaks[0][1]


def table(rows: str, sides: Mapping[str, Side], most: float) -> Iterator[str]:
    """A line for each side."""
    for name, side in sides.items():
        wall, steps = side.total("wall"), side.settings.steps * len(side.rounds)
        clock = "wall" if side.settings.device == "cuda" else "cpu"
        cells = [
            f"{side.total('samples') / wall:.2f}",
            f"{side.total('tokens') / wall:,.0f}",
            f"{side.total('operations') / side.total(clock) / most:.1%}",
            f"{side.total('waited') / wall:.1%}",
            f"{side.total('cpu') / steps:.3f}",
            f"{side.total('workers') / steps:.3f}",
            f"{side.rounds[-1]['memory'] / 2**20:,.0f}",
        ]
        yield f"| {rows} | {SIDES[name]} | {' | '.join(cells)} |"


def verdict(rows: str, sides: Mapping[str, Side]) -> str:
    """How much faster ours is, by both clocks: the median over rounds, the least and the most."""
    both = [ratios(sides["plain"].rounds, sides["geopix"].rounds, clock) for clock in ("wall", "cpu")]
    cells = [f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})" for found in both]
    return f"| {rows} | {' | '.join(cells)} |"


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        make_earth(
            Path(folder) / "earth",
            seed=7,
            images=options.pictures,
            size=64 if options.dry_run else PIXELS[options.size],  # the tokens are as many
            splits=(("train", 1),),
            formats=("rsvqa_hr", "rrsisd"),
        )
        kinds = options.rows.split(",")
        if options.dry_run:
            print("\n".join(count(options, kinds, Path(folder))))
            return
        found = {rows: measure(options, rows, Path(folder)) for rows in kinds}
    show(options, found)


def count(options: argparse.Namespace, kinds: Sequence[str], folder: Path) -> Iterator[str]:
    """The operations of a first step, of words and of masks."""
    yield f"{options.size}, {options.images * options.accumulate} images a step, nothing trained\n"
    yield "| rows | tokens | masks | TFLOP, words | TFLOP, masks | masks' share | memory, GB |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for kind in kinds:
        material = Material.of(settings_of(options, kind, folder))
        drawn = [material.examples[place] for place in range(material.recipe.images_per_step)]
        inputs = material.collate.inputs(drawn)
        rows = rows_of(inputs["input_ids"], inputs["labels"], material.config)
        arithmetic = Arithmetic(material.config, material.recipe)
        words, masks = (sum(map(each, rows)) for each in (arithmetic.words, arithmetic.masks))
        counted = f"{sum(row.tokens for row in rows):,} | {sum(row.masks for row in rows)}"
        counted += f" | {words / 1e12:.4g} | {masks / 1e12:.4g} | {masks / (words + masks):.1%}"
        yield f"| {kind} | {counted} | {memory(material, rows) / 1e9:.1f} |"


def memory(material: Material, rows: Sequence[Row]) -> int:
    """Bytes that `geopix train` takes at least, as its own dry run estimates them."""
    model = on_meta(material.config, material.recipe)
    kept = sum(part.weights + part.gradients + part.optimiser for part in weigh(model, material.recipe.optimiser))
    at_once = rows[: material.settings.images]
    load = Load(
        len(at_once),
        max(row.tokens for row in at_once),
        sum(row.answers for row in at_once),
        sum(row.masks for row in at_once),
    )
    return kept + activations(model, load, getattr(torch, material.settings.precision))


def show(options: argparse.Namespace, found: Mapping[str, Measured]) -> None:
    threads = f"{options.threads} thread{'s' if options.threads > 1 else ''}"
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {threads}"
    most, source = max((most, source) for _, most, source in found.values())
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(
        f"{options.size}, {options.precision}, attention {options.attention}, {where}, "
        f"{options.images} images at once, {options.accumulate} times a step, {options.workers} workers, "
        f"{options.rounds} rounds of {options.steps} steps; load {load}.\n"
        f"Peak: {most / 1e12:.3g} TFLOP/s, {source}.\n"
    )
    print(
        "| rows | side | samples/s | tokens/s | of peak | waiting | CPU s a step | of workers | memory, MiB |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    for rows, (sides, _, _) in found.items():
        print("\n".join(table(rows, sides, most)))
    print("\n| rows | times the plain Trainer's samples/s: wall | CPU |\n|---|---:|---:|")
    for rows, (sides, _, _) in found.items():
        print(verdict(rows, sides))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=PIXELS, default="mini")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--attention",
        choices=("sdpa", "products"),
        default="sdpa",
        help="geopix train's; the Trainer's is torch's fused one",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare a side's data")
    parser.add_argument("--lora", action="store_true", help="CLIP rests, the language model learns by LoRA: stage 1")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--images", type=int, default=8, help="images at once")
    parser.add_argument("--accumulate", type=int, default=1, help="batches of one step")
    parser.add_argument("--questions", type=int, default=10, help="questions about an image")
    parser.add_argument("--steps", type=int, default=4, help="steps of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds after the first, which warms up")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rows", default="words,masks", help="words, masks or both")
    parser.add_argument(
        "--pictures", type=int, default=PICTURES, help="pictures of the Mini Earth, for each kind of row"
    )
    parser.add_argument("--dry-run", action="store_true", help="count a step's operations, and train nothing")
    options = parser.parse_args()
    if unknown := {*options.rows.split(",")} - {"words", "masks"}:
        parser.error(f"--rows: unknown {', '.join(sorted(unknown))}; known: words, masks")
    if options.device == "cuda" and not options.dry_run and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here")
    return options


if __name__ == "__main__":
    main()
