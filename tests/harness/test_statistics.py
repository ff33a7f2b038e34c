"""Bootstrap intervals: against closed forms, wider for clusters, the same for the same seed."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.interfaces import Columns, MetricInfo
from harness.metrics.accuracy import Accuracy
from harness.metrics.segmentation import CumulativeIoU
from harness.records import Prediction, Target
from harness.statistics import interval, percentiles

Floats = NDArray[np.float64]
Z = 1.959964


def names(numbers: NDArray[np.int64]) -> NDArray[np.str_]:
    return numbers.astype(np.str_)


def answers(right: NDArray[np.bool_]) -> Columns:
    return {"correct": right.astype(np.float64), "count": np.ones(len(right))}


class Median:
    """A metric that sums do not determine."""

    info = MetricInfo("score", "higher", "median", "")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        return {"value": 1.0}

    def reduce(self, columns: Columns) -> float | None:
        return float(np.median(columns["value"])) if columns["value"].any() else None


class LoopedAccuracy:
    """Accuracy without its sums."""

    info = Accuracy().info

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        return Accuracy().score(target, prediction, tags)

    def reduce(self, columns: Columns) -> float | None:
        return Accuracy().reduce(columns)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_independent_answers_give_the_normal_interval_of_a_proportion(share: float) -> None:
    count = 2000
    right = np.arange(count) < share * count
    found = interval(Accuracy(), answers(right), names(np.arange(count)))
    half = Z * np.sqrt(share * (1 - share) / count)
    assert found.low == pytest.approx(share - half, abs=0.08 * half)
    assert found.high == pytest.approx(share + half, abs=0.08 * half)
    assert (found.clusters, found.replicates, found.reason) == (count, 2000, None)


def test_answers_that_agree_within_an_image_count_as_one() -> None:
    images, questions = 200, 25
    right = np.repeat(np.arange(images) < 120, questions)
    found = interval(Accuracy(), answers(right), names(np.repeat(np.arange(images), questions)))
    naive = interval(Accuracy(), answers(right), names(np.arange(images * questions)))
    assert found.low is not None
    assert found.high is not None
    assert naive.low is not None
    assert naive.high is not None
    # The design effect of perfectly correlated answers is the cluster's size.
    assert (found.high - found.low) / (naive.high - naive.low) == pytest.approx(np.sqrt(questions), rel=0.1)
    half = Z * np.sqrt(0.6 * 0.4 / images)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.08)


def test_a_ratio_of_sums_has_its_delta_method_interval() -> None:
    random = np.random.default_rng(3)
    count = 3000
    union = random.gamma(2.0, 500.0, count)
    intersection = union * random.beta(4.0, 2.0, count)
    found = interval(CumulativeIoU(), {"intersection": intersection, "union": union}, names(np.arange(count)))
    ratio = intersection.sum() / union.sum()
    half = Z * np.std(intersection - ratio * union) / union.mean() / np.sqrt(count)
    assert found.low == pytest.approx(ratio - half, abs=0.1 * half)
    assert found.high == pytest.approx(ratio + half, abs=0.1 * half)


def test_the_same_seed_gives_the_same_interval_in_any_order_and_another_seed_does_not() -> None:
    random = np.random.default_rng(1)
    right, images = random.random(500) < 0.7, random.integers(0, 60, 500)
    shuffled = random.permutation(500)
    first = interval(Accuracy(), answers(right), names(images), seed=4)
    assert interval(Accuracy(), answers(right), names(images), seed=4) == first
    assert interval(Accuracy(), answers(right[shuffled]), names(images[shuffled]), seed=4) == first
    assert interval(Accuracy(), answers(right), names(images), seed=5) != first


def test_a_metric_without_sums_is_resampled_alike() -> None:
    random = np.random.default_rng(2)
    right, images = random.random(300) < 0.7, names(random.integers(0, 50, 300))
    by_sums = interval(Accuracy(), answers(right), images, replicates=200)
    by_samples = interval(LoopedAccuracy(), answers(right), images, replicates=200)
    assert by_samples.low == pytest.approx(by_sums.low, abs=1e-12)
    assert by_samples.high == pytest.approx(by_sums.high, abs=1e-12)


def test_a_median_lies_in_its_interval() -> None:
    values = np.random.default_rng(5).normal(10.0, 1.0, 400)
    found = interval(Median(), {"value": values}, names(np.arange(400)), replicates=300)
    half = Z * np.sqrt(np.pi / 2 / 400)
    assert found.low == pytest.approx(float(np.median(values)) - half, abs=half)
    assert found.high == pytest.approx(float(np.median(values)) + half, abs=half)


def test_a_wider_level_gives_a_wider_interval() -> None:
    right = np.arange(300) % 3 > 0
    narrow = interval(Accuracy(), answers(right), names(np.arange(300)), level=0.5)
    wide = interval(Accuracy(), answers(right), names(np.arange(300)), level=0.99)
    assert wide.low is not None
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.high is not None
    assert wide.low < narrow.low < narrow.high < wide.high


def test_more_clusters_than_are_kept_give_the_same_draws() -> None:
    right = np.arange(20_000) % 4 > 0
    found = interval(Accuracy(), answers(right), names(np.arange(20_000)))
    half = Z * np.sqrt(0.75 * 0.25 / 20_000)
    assert found.low == pytest.approx(0.75 - half, abs=0.1 * half)


def test_one_cluster_has_no_interval_and_says_so() -> None:
    found = interval(Accuracy(), answers(np.ones(5, dtype=bool)), names(np.zeros(5, dtype=np.int64)))
    assert (found.low, found.high, found.clusters) == (None, None, 1)
    assert found.reason == "an interval needs two clusters or more, found 1"


@pytest.mark.parametrize("metric", [Accuracy(average="type"), Median()])
def test_a_score_that_most_resamples_leave_undefined_has_no_interval_and_says_so(
    metric: Accuracy | Median,
) -> None:
    rare = np.array([1.0, 0.0, 0.0, 0.0])
    columns = {"correct/a": rare, "count/a": rare, "correct/b": 1 - rare, "count/b": 1 - rare, "value": rare}
    if isinstance(metric, Accuracy):
        del columns["value"]
    found = interval(metric, columns, names(np.arange(4)), replicates=400)
    assert (found.low, found.high) == (None, None)
    assert found.reason is not None
    assert found.reason.startswith(f"the score is undefined in {400 - found.replicates} of 400 resamples: 4 clusters")
    # A cluster is left out of a resample of 4 with probability (3 / 4) ** 4.
    assert found.replicates / 400 == pytest.approx(1 - 0.75**4, abs=0.08)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    covered, trials = 0, 200
    images = names(np.repeat(np.arange(80), 5))
    for trial in range(trials):
        # Right answers share an image's difficulty; their mean is 0.6 whatever it is.
        right = random.random((80, 5)) < random.beta(3.0, 2.0, (80, 1))
        found = interval(Accuracy(), answers(right.ravel()), images, replicates=400, seed=trial)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.6 <= found.high
    # 95 % less the known shortfall of the percentile bootstrap, within three standard errors of the simulation.
    assert 0.89 <= covered / trials <= 0.99


@pytest.mark.parametrize("clusters", [6, 10, 30, 300])
def test_few_clusters_are_cut_off_less_as_student_says(clusters: int) -> None:
    from scipy.stats import norm, t

    scores = np.linspace(0, 1, 100_001)
    outside = norm.cdf(np.sqrt(clusters / (clusters - 1)) * t.ppf(0.025, clusters - 1))
    found = percentiles(scores, clusters)
    assert found.low == pytest.approx(outside, rel=0.1, abs=1e-5)
    assert found.high == pytest.approx(1 - outside, abs=0.0005)
    assert found.low is not None
    assert found.low < 0.025
