"""What the class memory is worth: three memories, three seeds, the same start and budget; trained, evaluated, compared.

    geopix earth make data/dense --seed 1 --images 8000 --splits train --expressions 3 --formats rrsisd
    geopix earth make data/earth-test --seed 1 --images 200 --splits test
    python -m benchmarks.memory_ablation --train data/dense --test data/earth-test --output training/memory

Each training is `geopix train memory_ablation` with one memory and one seed, each evaluation is `geopix-eval` with the
task rrsis; what is done already is not done again.

All intervals are of 95 %. Those of one training, and of the mean over seeds, are the harness's cluster bootstrap over
the test images, the trained models being fixed; for a difference both models are scored on the same drawn images. The
rows "over seeds" say what another choice of seeds might bring, the test images being fixed: Student's t over the
seeds' differences, which is wide for three.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from harness.comparison.evidence import Evidence, metric_of
from harness.comparison.pairing import Pairs, pair
from harness.comparison.sides import load_side
from harness.interfaces import Columns, Metric
from harness.statistics import percentiles, resampled_scores

RECIPE, TASK = "memory_ablation", "rrsis"
MEMORIES = ("none", "released_noop", "intended")
COMMANDS = {"geopix": "geopix.cli", "geopix-eval": "harness.cli"}
METRICS = {"miou": "mIoU", "oiou": "oIoU", "p50": "P@0.5"}

Runs = Mapping[str, Sequence[Evidence]]  # by memory, one a seed


@dataclass(frozen=True)
class Trial:
    """One memory trained with one seed, and where it is kept."""

    memory: str
    seed: int
    output: Path

    @property
    def training(self) -> Path:
        return self.output / f"{self.memory}-{self.seed}"

    @property
    def checkpoint(self) -> Path:
        return self.training / "checkpoint"

    @property
    def evaluation(self) -> Path:
        return self.output / "runs" / f"{self.memory}-{self.seed}"


@dataclass(frozen=True)
class Estimate:
    """A score or a difference of scores, in percent, with the ends of its interval; None where there is none."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        ends = "n/a" if self.low is None or self.high is None else f"{self.low:z.1f}, {self.high:z.1f}"
        return f"{self.value:z.1f} [{ends}]"


def make(trial: Trial, train: Path, test: Path, overrides: Sequence[str]) -> None:
    """Trains and evaluates, as the two commands do; a training that was broken off goes on."""
    done = trial.training / "done"
    if done.exists():
        return
    given = [f"base.memory={trial.memory}", f"seed={trial.seed}", *overrides]
    call("geopix", "train", RECIPE, *given, "--data-dir", str(train), "--output", str(trial.training))
    data, output = ("--data-dir", str(test)), ("--output", str(trial.evaluation))
    call("geopix-eval", "--tasks", TASK, "--model", str(trial.checkpoint), *data, *output)
    done.touch()


def call(command: str, *words: str) -> None:
    """Runs one of the two commands, and stops with its own words where it fails."""
    code = f"from {COMMANDS[command]} import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    outcome = "FAILED" if done.returncode else "done"
    print(f"{outcome}: {command} {' '.join(words)}", file=sys.stderr, flush=True)
    if done.returncode:
        sys.exit(done.stderr)


def read(trials: Sequence[Trial]) -> Runs:
    """The answers of all trials, as numbers."""
    found: dict[str, list[Evidence]] = {}
    for trial in trials:
        found.setdefault(trial.memory, []).append(load_side(trial.evaluation).tasks[TASK])
    return found


def score(runs: Sequence[Evidence], name: str) -> Estimate:
    """The mean score of some trainings, its interval by drawing test images."""
    metric = metric_of(runs[0].card(name))
    pairs = [pair(run, run, name) for run in runs]
    draws = [resampled(metric, one, one.head) for one in pairs]
    return _estimate([reduced(metric, one.head) for one in pairs], np.mean(draws, axis=0), pairs[0].clusters)


def difference(bases: Sequence[Evidence], heads: Sequence[Evidence], name: str) -> tuple[Estimate, Estimate]:
    """The mean difference of trainings with the same seeds, its interval by images and by Student's t over seeds."""
    metric = metric_of(bases[0].card(name))
    pairs = [pair(base, head, name) for base, head in zip(bases, heads, strict=True)]
    values = [reduced(metric, one.head) - reduced(metric, one.base) for one in pairs]
    draws = [resampled(metric, one, one.head) - resampled(metric, one, one.base) for one in pairs]
    return _estimate(values, np.mean(draws, axis=0), pairs[0].clusters), over_seeds(values)


def resampled(metric: Metric, pairs: Pairs, columns: Columns) -> np.ndarray:
    return resampled_scores(metric, columns, pairs.groups, pairs.clusters)


def reduced(metric: Metric, columns: Columns) -> float:
    found = metric.reduce(columns)
    return float("nan") if found is None else found


def _estimate(values: Sequence[float], draws: np.ndarray, clusters: int) -> Estimate:
    bounds = percentiles(draws, clusters)
    return _percent(float(np.mean(values)), bounds.low, bounds.high)


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean, and Student's interval for it.

    >>> str(over_seeds([0.0, 0.01, 0.02]))  # 1 +- 4.303 * 1 / sqrt(3)
    '1.0 [-1.5, 3.5]'
    """
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return _percent(mean, None, None)
    reach = float(student.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return _percent(mean, mean - reach, mean + reach)


def _percent(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(100 * value, low if low is None else 100 * low, high if high is None else 100 * high)


def tables(runs: Runs, seeds: Sequence[int]) -> Iterator[str]:
    """The lines of two Markdown tables: scores, and differences."""
    yield f"| memory | seed | {' | '.join(METRICS.values())} |"
    yield f"|---|---|{'---:|' * len(METRICS)}"
    for memory, found in runs.items():
        for seed, run in zip(seeds, found, strict=True):
            yield _row(memory, str(seed), [score([run], name) for name in METRICS])
        yield _row(memory, f"mean of {len(seeds)}", [score(found, name) for name in METRICS])
    yield ""
    yield f"| difference | seed | {' | '.join(METRICS.values())} |"
    yield f"|---|---|{'---:|' * len(METRICS)}"
    for base, head in combinations(runs, 2):
        label = f"{head} - {base}"
        for seed, one, other in zip(seeds, runs[base], runs[head], strict=True):
            yield _row(label, str(seed), [difference([one], [other], name)[0] for name in METRICS])
        both = [difference(runs[base], runs[head], name) for name in METRICS]
        yield _row(label, f"mean of {len(seeds)}, over images", [images for images, _ in both])
        yield _row(label, f"mean of {len(seeds)}, over seeds", [others for _, others in both])


def _row(name: str, seed: str, cells: Sequence[Estimate]) -> str:
    return f"| {name} | {seed} | {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="data directory with the training split")
    parser.add_argument("--test", type=Path, required=True, help="data directory with the test split")
    parser.add_argument("--output", type=Path, required=True, help="checkpoints and runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time; set OMP_NUM_THREADS=1 for two")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="values of the recipe set otherwise")
    given = parser.parse_args()
    trials = [Trial(memory, seed, given.output) for seed in given.seeds for memory in MEMORIES]
    with ThreadPoolExecutor(given.processes) as pool:
        made = [pool.submit(make, trial, given.train, given.test, given.set) for trial in trials]
        try:
            for trial in made:
                trial.result()
        finally:  # where one fails, those that have not begun are not begun
            pool.shutdown(cancel_futures=True)
    print("\n".join(tables(read(trials), given.seeds)))


if __name__ == "__main__":
    main()
