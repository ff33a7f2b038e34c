"""What every ablation here does: arms and seeds, trained, evaluated, and compared with intervals.

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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from harness.comparison.evidence import Evidence, metric_of
from harness.comparison.pairing import Pairs, pair
from harness.comparison.sides import load_side
from harness.interfaces import Columns, Metric
from harness.statistics import percentiles, resampled_scores

COMMANDS = {"geopix": "geopix.cli", "geopix-eval": "harness.cli"}
LATER = 100  # what a later stage's seed is higher by, so that it draws the images in another order

Answers = Mapping[str, Evidence]  # one training's, by task
Runs = Mapping[str, Sequence[Answers]]  # by arm, one a seed


@dataclass(frozen=True)
class Stage:
    """One `geopix train`: a recipe, and values of it set otherwise."""

    recipe: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """One column of the tables: a metric of a task, over the samples with these tags."""

    title: str
    task: str
    metric: str
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """What is compared.

    Attributes:
        kind: what the arms are called in the tables' heads.
        arms: each arm's stages; each stage goes on from the checkpoint of the one before.
        differences: pairs of arms; the second minus the first is shown.
        readings: the columns.
    """

    kind: str
    arms: Mapping[str, Sequence[Stage]]
    differences: Sequence[tuple[str, str]]
    readings: Sequence[Reading]


@dataclass(frozen=True)
class Trial:
    """One arm trained with one seed, and where it is kept."""

    arm: str
    seed: int
    output: Path

    @property
    def name(self) -> str:
        return f"{self.arm}-{self.seed}"

    @property
    def evaluation(self) -> Path:
        return self.output / "runs" / self.name

    def training(self, number: int) -> Path:
        return self.output / self.name / f"stage-{number + 1}"


@dataclass(frozen=True)
class Estimate:
    """A score or a difference of scores, in percent, with the ends of its interval; None where there is none."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        ends = "n/a" if self.low is None or self.high is None else f"{self.low:z.1f}, {self.high:z.1f}"
        return f"{self.value:z.1f} [{ends}]"


def make(trial: Trial, study: Study, given: argparse.Namespace) -> None:
    """Trains and evaluates, as the two commands do; what is done is left out, what was broken off goes on."""
    before: tuple[str, ...] = ()
    for number, stage in enumerate(study.arms[trial.arm]):
        folder = trial.training(number)
        values = (*before, *stage.overrides, f"seed={trial.seed + LATER * number}", *given.set)
        data, output = ("--data-dir", str(given.train)), ("--output", str(folder))
        once(folder / "done", "geopix", "train", stage.recipe, *values, *data, *output)
        before = (f"base.checkpoint={folder / 'checkpoint'}",)
    tasks = ",".join(dict.fromkeys(reading.task for reading in study.readings))
    data, output = ("--data-dir", str(given.test)), ("--output", str(trial.evaluation))
    once(
        trial.evaluation / "done",
        "geopix-eval",
        "--tasks",
        tasks,
        "--model",
        str(folder / "checkpoint"),
        *data,
        *output,
    )


def once(done: Path, command: str, *words: str) -> None:
    """Runs a command that has not ended well before."""
    if not done.exists():
        call(command, *words)
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
    found: dict[str, list[Answers]] = {}
    for trial in trials:
        found.setdefault(trial.arm, []).append(load_side(trial.evaluation).tasks)
    return found


def score(runs: Sequence[Answers], reading: Reading) -> Estimate:
    """The mean score of some trainings, its interval by drawing test images."""
    metric = metric_of(runs[0][reading.task].card(reading.metric))
    pairs = [_pair(run, run, reading) for run in runs]
    draws = [resampled(metric, one, one.head) for one in pairs]
    return _estimate([reduced(metric, one.head) for one in pairs], np.mean(draws, axis=0), pairs[0].clusters)


def difference(bases: Sequence[Answers], heads: Sequence[Answers], reading: Reading) -> tuple[Estimate, Estimate]:
    """The mean difference of trainings with the same seeds, its interval by images and by Student's t over seeds."""
    metric = metric_of(bases[0][reading.task].card(reading.metric))
    pairs = [_pair(base, head, reading) for base, head in zip(bases, heads, strict=True)]
    values = [reduced(metric, one.head) - reduced(metric, one.base) for one in pairs]
    draws = [resampled(metric, one, one.head) - resampled(metric, one, one.base) for one in pairs]
    return _estimate(values, np.mean(draws, axis=0), pairs[0].clusters), over_seeds(values)


def _pair(base: Answers, head: Answers, reading: Reading) -> Pairs:
    return pair(base[reading.task], head[reading.task], reading.metric, reading.where)


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


def tables(study: Study, runs: Runs, seeds: Sequence[int]) -> Iterator[str]:
    """The lines of two Markdown tables: scores, and differences."""
    readings = study.readings
    yield _head(study.kind, readings)
    for arm, found in runs.items():
        for seed, run in zip(seeds, found, strict=True):
            yield _row(arm, str(seed), [score([run], reading) for reading in readings])
        yield _row(arm, f"mean of {len(seeds)}", [score(found, reading) for reading in readings])
    yield ""
    yield _head("difference", readings)
    for base, head in study.differences:
        label = f"{head} - {base}"
        for seed, one, other in zip(seeds, runs[base], runs[head], strict=True):
            yield _row(label, str(seed), [difference([one], [other], reading)[0] for reading in readings])
        both = [difference(runs[base], runs[head], reading) for reading in readings]
        yield _row(label, f"mean of {len(seeds)}, over images", [images for images, _ in both])
        yield _row(label, f"mean of {len(seeds)}, over seeds", [others for _, others in both])


def _head(name: str, readings: Sequence[Reading]) -> str:
    titles = " | ".join(reading.title for reading in readings)
    return f"| {name} | seed | {titles} |\n|---|---|{'---:|' * len(readings)}"


def _row(name: str, seed: str, cells: Sequence[Estimate]) -> str:
    return f"| {name} | {seed} | {' | '.join(map(str, cells))} |"


def arguments(about: str | None) -> argparse.ArgumentParser:
    """The options that every ablation has."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="data directory with the training split")
    parser.add_argument("--test", type=Path, required=True, help="data directory with the test split")
    parser.add_argument("--output", type=Path, required=True, help="checkpoints and runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time; set OMP_NUM_THREADS=1 for two")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="values of all recipes set otherwise")
    return parser


def conduct(study: Study, given: argparse.Namespace) -> None:
    """Makes all trials, seed by seed, and prints the tables."""
    trials = [Trial(arm, seed, given.output) for seed in given.seeds for arm in study.arms]
    with ThreadPoolExecutor(given.processes) as pool:
        made = [pool.submit(make, trial, study, given) for trial in trials]
        try:
            for trial in made:
                trial.result()
        finally:  # where one fails, those that have not begun are not begun
            pool.shutdown(cancel_futures=True)
    print("\n".join(tables(study, read(trials), given.seeds)))
