"""How often intervals hold the truth and tests err, on simulated test sets whose truth is known.

python -m benchmarks.simulation                  2000 test sets of each kind; prints the tables of docs/statistics.md
python -m benchmarks.simulation --test-sets 200  faster and coarser

A test set is drawn as benchmarks are: images of different difficulty, several questions or expressions an image, two
models that find the same images hard. What a model scores over all images there could be is known in closed form.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from multiprocessing import Pool

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from harness.comparison.difference import paired_difference, paired_test
from harness.comparison.holm import holm
from harness.comparison.pairing import Pairs
from harness.interfaces import Columns, Metric
from harness.metrics.accuracy import Accuracy
from harness.metrics.segmentation import CumulativeIoU
from harness.statistics import interval

Floats = NDArray[np.float64]
TYPES = {"presence": 0.6, "count": -0.8, "comp": 0.2, "area": -0.2}


@dataclass(frozen=True)
class Model:
    """A model whose answer to a question is right with chance Phi(skill + difficulty + own), or whose IoU is that.

    Attributes:
        skill: higher is better.
        own: standard deviation over images of what this model finds hard and others do not.
        types: how much the question's type matters to it.
    """

    skill: float
    own: float = 0.5
    types: float = 1.0

    def score(self, shift: float = 0.0) -> float:
        """The mean of Phi(skill + shift + z) over normal z: the model's score over all images there could be."""
        return float(norm.cdf((self.skill + self.types * shift) / np.sqrt(1 + DIFFICULTY**2 + self.own**2)))

    def alike(self, own: float) -> "Model":
        """A model of the same score that is right and wrong on other images."""
        ratio = np.sqrt((1 + DIFFICULTY**2 + own**2) / (1 + DIFFICULTY**2 + self.own**2))
        return Model(self.skill * float(ratio), own, float(ratio))


DIFFICULTY = 0.8


@dataclass(frozen=True)
class Shared:
    """What both models see of N samples.

    Attributes:
        groups: their images, int64[N].
        shifts: how easy the questions' types are, float64[N].
        sizes: the sizes of the true masks in pixels, float64[N].
        types: the questions' types, int64[N].
    """

    groups: NDArray[np.int64]
    shifts: Floats
    sizes: Floats
    types: NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A kind of test set, and the two models that are compared on it.

    Attributes:
        name: for the table.
        metric: what is scored.
        images: how many clusters a test set has.
        each: the mean number of samples an image beyond the first.
        base, head: the models.
        kind: `answers`, `types` or `masks`.
    """

    name: str
    metric: Metric
    images: int
    each: float
    base: Model
    head: Model
    kind: str = "answers"

    def truth(self, model: Model) -> float:
        """The model's score over all images there could be."""
        return (
            float(np.mean([model.score(shift) for shift in TYPES.values()])) if self.kind == "types" else model.score()
        )

    def test_set(self, seed: int) -> Pairs:
        """Draws one test set with both models' answers."""
        groups, (base, head) = self.draw(seed, (self.base, self.head))
        return paired(groups, self.images, base, head)

    def draw(self, seed: int, models: Sequence[Model]) -> tuple[NDArray[np.int64], list[Columns]]:
        """Draws one test set: the samples' images int64[N], and each model's answers."""
        random = np.random.default_rng(seed)
        groups = np.repeat(np.arange(self.images), 1 + random.poisson(self.each, self.images))
        difficulty = random.normal(0, DIFFICULTY, self.images)
        of_type = random.integers(0, len(TYPES), len(groups))
        shared = Shared(groups, np.array(list(TYPES.values()))[of_type], random.lognormal(8, 0.8, len(groups)), of_type)
        return groups, [self._answers(random, model, difficulty, shared) for model in models]

    def _answers(self, random: np.random.Generator, model: Model, difficulty: Floats, shared: Shared) -> Columns:
        ease = model.skill + difficulty + random.normal(0, model.own, self.images)
        return DRAWS[self.kind](random, ease[shared.groups], model, shared)


def paired(groups: NDArray[np.int64], images: int, base: Columns, head: Columns) -> Pairs:
    return Pairs(base, head, groups, images, tuple(map(str, range(len(groups)))))


def answers(random: np.random.Generator, ease: Floats, model: Model, shared: Shared) -> Columns:
    right = random.random(len(ease)) < norm.cdf(ease)
    return {"correct": right.astype(np.float64), "count": np.ones(len(ease))}


def typed(random: np.random.Generator, ease: Floats, model: Model, shared: Shared) -> Columns:
    right = random.random(len(ease)) < norm.cdf(ease + model.types * shared.shifts)
    of_type = {name: shared.types == number for number, name in enumerate(TYPES)}
    return {f"correct/{name}": (right & found).astype(np.float64) for name, found in of_type.items()} | {
        f"count/{name}": found.astype(np.float64) for name, found in of_type.items()
    }


def masks(random: np.random.Generator, ease: Floats, model: Model, shared: Shared) -> Columns:
    union = shared.sizes * random.lognormal(0, 0.2, len(ease))
    # The noise of a mask and the slope together have variance 1, as a coin has, so the mean has the same closed form.
    share = norm.cdf((ease + random.normal(0, 0.5, len(ease))) / np.sqrt(1 - 0.25))
    return {"intersection": share * union, "union": union}


Draw = Callable[[np.random.Generator, Floats, Model, Shared], Columns]
DRAWS: Mapping[str, Draw] = {"answers": answers, "types": typed, "masks": masks}


def kinds(base: Model, head: Model) -> Iterator[Case]:
    """Yields every kind of test set, with two models to compare."""
    for images in (30, 100, 300):
        yield Case("accuracy, 10 questions an image", Accuracy(), images, 9, base, head)
    yield Case("accuracy, 1 question an image", Accuracy(), 300, 0, base, head)
    yield Case("mean over 4 types, 10 questions an image", Accuracy(average="type"), 100, 9, base, head, "types")
    for images in (30, 100, 300):
        yield Case("oIoU, 3 masks an image", CumulativeIoU(), images, 2, base, head, "masks")


def cases() -> Iterator[tuple[str, Case]]:
    """Yields every comparison: with models that are alike, and with one that is better."""
    good = Model(0.5)
    heads = {"alike": good, "alike, right on other images": good.alike(1.2), "better": Model(0.8)}
    for name, head in heads.items():
        for case in kinds(good, head):
            yield name, case


def coverage(case: Case, test_sets: int, replicates: int = 1000) -> tuple[float, float]:
    """Returns the share of 95 % intervals of the base model's score that hold the truth.

    The second share is what it would be, were the samples of an image taken for independent.
    """
    truth = case.truth(case.base)
    found = []
    for seed in range(test_sets):
        pairs = case.test_set(seed)
        alone = np.arange(len(pairs.groups))
        bounds = [
            interval(case.metric, pairs.base, groups, replicates=replicates, seed=seed)
            for groups in (pairs.groups, alone)
        ]
        found.append([holds(bound.low, bound.high, truth) for bound in bounds])
    clustered, independent = np.mean(found, axis=0)
    return float(clustered), float(independent)


@dataclass(frozen=True)
class Outcome:
    """What was counted over many comparisons.

    Attributes:
        coverage: share of the 95 % intervals of the difference that hold the true difference.
        rejected: share of the tests with p <= 0.05: errors where the models are alike, power where they are not.
        detectable: the mean of the stated detectable effects.
    """

    coverage: float
    rejected: float
    detectable: float


def compare(case: Case, test_sets: int, replicates: int = 1000, flips: int = 999) -> Outcome:
    """Returns how often the interval of the difference holds the truth, and how often the test rejects."""
    truth = case.truth(case.head) - case.truth(case.base)
    found = []
    for seed in range(test_sets):
        difference = paired_difference(case.metric, case.test_set(seed), replicates=replicates, flips=flips, seed=seed)
        rejected = difference.p_value is not None and difference.p_value <= 0.05
        found.append([holds(difference.low, difference.high, truth), rejected, difference.detectable or np.nan])
    return Outcome(*map(float, np.mean(found, axis=0)))


def family(test_sets: int, models: int = 5, flips: int = 999) -> tuple[float, float]:
    """Returns the share of leaderboards of alike models on which at least one pair is called different.

    The first share is without an adjustment, the second after Holm.
    """
    good = Model(0.5)
    case = Case("accuracy, 10 questions an image", Accuracy(), 100, 9, good, good)
    least = []
    for seed in range(test_sets):
        groups, found = case.draw(seed, [good] * models)
        raw = [
            paired_test(case.metric, paired(groups, case.images, base, head), flips=flips, seed=seed)[1]
            for base, head in combinations(found, 2)
        ]
        least.append([min(p for p in values if p is not None) <= 0.05 for values in (raw, holm(raw))])
    alone, adjusted = np.mean(least, axis=0)
    return float(alone), float(adjusted)


def holds(low: float | None, high: float | None, truth: float) -> float:
    return float(low is not None and high is not None and low <= truth <= high)


def percent(*shares: float) -> str:
    return " | ".join(f"{100 * share:.1f}" for share in shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-sets", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    scored, compared = list(kinds(Model(0.5), Model(0.5))), list(cases())
    with Pool(chosen.processes) as pool:
        shares = pool.starmap(coverage, [(case, chosen.test_sets) for case in scored], chunksize=1)
        outcomes = pool.starmap(compare, [(case, chosen.test_sets) for _, case in compared], chunksize=1)
        errors = pool.apply(family, (chosen.test_sets,))
    print("| test sets | images | intervals that hold the truth, % | had samples been taken for independent, % |")
    print("| --- | --: | --: | --: |")
    for case, share in zip(scored, shares, strict=True):
        print(f"| {case.name} | {case.images} | {percent(*share)} |")
    print()
    print("| test sets | images | the other model is | intervals, % | p <= 0.05, % | true difference | detectable |")
    print("| --- | --: | --- | --: | --: | --: | --: |")
    for (head, case), outcome in zip(compared, outcomes, strict=True):
        truth = case.truth(case.head) - case.truth(case.base)
        shares_of = percent(outcome.coverage, outcome.rejected, truth, outcome.detectable)
        print(f"| {case.name} | {case.images} | {head} | {shares_of} |")
    print()
    print("| leaderboards of five models that are alike, 100 images | at least one pair called different, % |")
    print("| --- | --: |")
    for name, share in zip(("without an adjustment", "after Holm"), errors, strict=True):
        print(f"| {name} | {percent(share)} |")


if __name__ == "__main__":
    main()
