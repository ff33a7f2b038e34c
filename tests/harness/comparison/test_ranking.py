"""Tie groups: by hand, and after Holm over everything that is compared."""

from dataclasses import replace

import numpy as np
import pytest

from harness.comparison.evidence import Evidence
from harness.comparison.holm import holm
from harness.comparison.ranking import Contest, Standing, rank
from harness.results import TaskResult
from tests.harness.comparison.evidence import answers, result


def run(label: str, right: int, images: list[str] | None = None, found: TaskResult | None = None) -> Evidence:
    """Of 100 answers the first are right: two runs differ on the samples between, all one way."""
    return answers(label, [1] * right + [0] * (100 - right), images, found)


def table(standings: tuple[Standing, ...]) -> list[tuple[str, str | None, str | None]]:
    return [(standing.label, standing.rank, standing.anchor) for standing in standings]


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.02, 0.03]) == [0.03, 0.04, 0.04]
    assert holm([0.4, 0.001]) == [0.4, 0.002]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_comparison_that_cannot_be_made_counts_as_one_that_separates_nothing() -> None:
    assert holm([0.02, None]) == [0.04, None]


def test_groups_hold_what_is_not_separable_from_their_anchor() -> None:
    # Differences of 3 are p = 0.25, of 17 p = 2**-16, of 20 p = 2**-19.
    (found,) = rank([Contest("oa", (run("worst", 60), run("best", 80), run("next", 77)))])
    assert table(found) == [("best", "1-2", "best"), ("next", "1-2", "best"), ("worst", "3", "worst")]
    assert found[0].p_value is None
    assert found[1].p_value == pytest.approx(0.25)


def test_holm_counts_all_pairs_of_all_contests() -> None:
    # Eight lost and none won: p = 2**-7 = 0.0078; six times that is 0.047, twelve times 0.094.
    near = Contest("oa", (run("a", 80), run("b", 72)))
    alone = rank([near])[0]
    assert alone[1].rank == "2"
    alike = Contest("oa", tuple(run(f"c{n}", 50) for n in range(4)))
    assert rank([near, alike])[0][1].rank == "1-2"
    assert rank([near, Contest("oa", tuple(run(f"c{n}", 50) for n in range(3)))])[0][1].rank == "2"


def test_a_missing_comparison_joins_the_first_group() -> None:
    one_image = ["image"] * 100
    contest = Contest("oa", (run("a", 90, one_image), run("b", 10, one_image)))
    (found,) = rank([contest])
    assert table(found) == [("a", "1-2", "a"), ("b", "1-2", "a")]
    assert found[1].reason == "a test needs two clusters or more that both scored, found 1"


def test_statistics_of_another_version_separate_nothing_and_say_why() -> None:
    old = {"oa": {"right": np.ones(100)}}
    (found,) = rank([Contest("oa", (replace(run("a", 90), statistics=old), replace(run("b", 10), statistics=old)))])
    assert [standing.rank for standing in found] == ["1-2", "1-2"]
    assert found[1].reason is not None
    assert found[1].reason.startswith("task small: metric 'oa' cannot be computed from what a stored")


def test_a_checkpoint_without_a_score_has_no_rank() -> None:
    (found,) = rank([Contest("oa", (answers("broken", [None, None]), answers("works", [1, 0])))])
    assert table(found) == [("works", "1", "works"), ("broken", None, None)]


def test_where_less_is_better_the_least_is_first() -> None:
    base = result()
    lower = replace(base, metrics=(replace(base.metrics[0], direction="lower"),))
    entrants = run("a", 80, found=lower), run("b", 20, found=lower)
    assert table(rank([Contest("oa", entrants)])[0]) == [("b", "1", "b"), ("a", "2", "a")]
