"""Paired differences: against closed forms, and with the test that the data allows."""

from itertools import product
from math import comb

import numpy as np
import pytest

from harness.comparison.difference import Difference, detectable_effect, mcnemar, paired_difference
from harness.comparison.evidence import Evidence, metric_of
from harness.comparison.pairing import pair
from harness.comparison.randomization import sides_changed
from harness.interfaces import Columns, MetricInfo
from harness.metrics.accuracy import Accuracy
from tests.harness.comparison.evidence import answers, masks


def difference(base: Evidence, head: Evidence) -> Difference:
    (card,) = base.result.metrics
    return paired_difference(metric_of(card), pair(base, head, card.name))


def flips(won: int, lost: int, alike: int) -> tuple[Evidence, Evidence]:
    """Two runs: `won` samples that only head has right, `lost` that only base has right."""
    return answers("base", [0] * won + [1] * lost + [1] * alike), answers("head", [1] * won + [0] * lost + [1] * alike)


@pytest.mark.parametrize(("won", "lost"), [(8, 2), (1, 9), (3, 3), (0, 6), (7, 0)])
def test_mcnemar_is_the_binomial_tail_of_the_discordant_samples(won: int, lost: int) -> None:
    found = difference(*flips(won, lost, 40))
    total, least = won + lost, min(won, lost)
    tail = 2 * sum(comb(total, k) for k in range(least + 1)) / 2**total
    assert found.test == "exact McNemar"
    assert found.p_value == pytest.approx(min(1.0, tail))
    assert (found.wins, found.losses) == (won, lost)
    assert found.value == pytest.approx((won - lost) / (total + 40))


def test_runs_that_agree_everywhere_do_not_differ() -> None:
    found = difference(*flips(0, 0, 30))
    assert (found.value, found.low, found.high, found.p_value, found.detectable) == (0.0, 0.0, 0.0, 1.0, None)
    assert mcnemar(np.ones(3, dtype=bool), np.ones(3, dtype=bool)) == 1.0


def test_the_interval_is_that_of_a_paired_proportion() -> None:
    won, lost, alike = 180, 120, 1700
    found = difference(*flips(won, lost, alike))
    n = won + lost + alike
    error = np.sqrt((won + lost) / n - ((won - lost) / n) ** 2) / np.sqrt(n)
    assert found.low == pytest.approx((won - lost) / n - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx((won - lost) / n + 1.96 * error, abs=0.1 * error)
    assert found.detectable == pytest.approx((1.96 + 0.8416) * error, rel=0.05)


def test_questions_about_one_image_are_not_tested_one_by_one() -> None:
    base, head = flips(40, 10, 50)
    one_by_one = difference(base, head)
    images = [f"image {n // 10}" for n in range(100)]
    together = difference(
        answers("base", [0] * 40 + [1] * 60, images), answers("head", [1] * 40 + [0] * 10 + [1] * 50, images)
    )
    assert one_by_one.test == "exact McNemar"
    assert one_by_one.p_value is not None
    assert one_by_one.p_value < 1e-4
    # Four images won whole, one lost whole: 2 (1 + 5) / 2**5.
    assert together.test == "cluster randomization"
    assert together.p_value == pytest.approx(0.375)
    assert together.clusters == 10


def test_few_clusters_are_gone_through_one_by_one() -> None:
    images = ["a", "a", "b", "b", "c", "d"]
    base, head = answers("base", [0, 0, 1, 0, 1, 0], images), answers("head", [1, 1, 0, 1, 1, 1], images)
    sums = [2, 0, 0, 1]
    extreme = [abs(sum(s * x for s, x in zip(signs, sums, strict=True))) >= 3 for signs in product((1, -1), repeat=4)]
    assert difference(base, head).p_value == pytest.approx(np.mean(extreme))


def test_the_sampled_test_agrees_with_the_exact_one() -> None:
    random = np.random.default_rng(5)
    right = random.random((2, 60)) < [[0.5], [0.7]]
    base, head = (answers(name, row.astype(float).tolist()) for name, row in zip(("base", "head"), right, strict=True))
    exact = difference(base, head).p_value
    sampled = sides_changed(Accuracy(), pair(base, head, "oa"), flips=20_000)
    assert sampled == pytest.approx(exact, abs=0.01)
    assert sampled == sides_changed(Accuracy(), pair(base, head, "oa"), flips=20_000)


def test_a_corpus_score_is_computed_anew_from_sums() -> None:
    base = masks("base", [(10, 100), (50, 100), (900, 1000)], ["a", "a", "b"])
    head = masks("head", [(20, 100), (40, 100), (900, 1200)], ["a", "a", "b"])
    found = difference(base, head)
    assert found.base == 960 / 1200
    assert found.head == 960 / 1400
    assert found.value == 960 / 1400 - 960 / 1200
    # Exchanging image a alone gives the same difference, exchanging image b, or both, the opposite one.
    assert found.p_value == 1.0
    assert (found.wins, found.losses) == (1, 2)


class Median:
    """A metric that sums do not determine."""

    info = MetricInfo("score", "higher", "median", "")

    def score(self, *_: object) -> dict[str, float]:
        return {}

    def reduce(self, columns: Columns) -> float | None:
        return float(np.median(columns["correct"]))


def test_a_metric_that_is_not_additive_is_compared_too() -> None:
    random = np.random.default_rng(0)
    values = random.random(40)
    base, head = answers("base", values.tolist()), answers("head", (values + 0.2).tolist())
    found = paired_difference(Median(), pair(base, head, "oa"), replicates=200, flips=199)
    assert found.value == pytest.approx(0.2)
    assert found.p_value == pytest.approx(1 / 200)
    assert (found.low, found.high) == (pytest.approx(0.2), pytest.approx(0.2))
    assert (found.wins, found.losses) == (40, 0)


@pytest.mark.parametrize(
    ("base", "head", "clusters", "reason"),
    [
        ([None, 1], [1, None], None, "no sample is scored in both runs"),
        ([0, 1], [1, 1], ["a", "a"], "a test needs two clusters or more, found 1"),
    ],
)
def test_what_cannot_be_tested_says_why(
    base: list[float | None], head: list[float | None], clusters: list[str] | None, reason: str
) -> None:
    found = difference(answers("base", base, clusters), answers("head", head, clusters))
    assert (found.p_value, found.low, found.test, found.reason) == (None, None, None, reason)


def test_an_undefined_score_has_no_difference() -> None:
    pixels = [(0.0, 0.0), (0.0, 0.0), (1.0, 1.0)]
    found = difference(masks("base", pixels), masks("head", pixels))
    assert found.value == 0.0
    assert found.reason is not None
    assert "undefined in" in found.reason


def test_the_detectable_effect_is_the_sum_of_two_quantiles() -> None:
    assert detectable_effect(0.01) == pytest.approx(0.01 * (1.959964 + 0.841621))
