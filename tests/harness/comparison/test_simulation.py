"""Intervals hold the truth, and tests err, as often as they say: on simulated test sets whose truth is known."""

import pytest

from benchmarks.simulation import Case, Model, cases, compare, coverage, family, kinds

TEST_SETS = 1000
GOOD = Model(0.5)


def name(case: Case) -> str:
    return f"{case.name}-{case.images}"


COMPARED = [pytest.param(case, id=f"{name(case)}-{head}") for head, case in cases() if case.images <= 100]


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in kinds(GOOD, GOOD) if case.images <= 100], ids=name)
def test_intervals_of_a_score_hold_the_truth_as_often_as_they_say(case: Case) -> None:
    clustered, independent = coverage(case, TEST_SETS)
    assert 0.93 <= clustered <= 0.97
    # The reason for clusters: without them the intervals are far too narrow.
    assert independent < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("case", COMPARED)
def test_differences_are_covered_and_chance_is_seldom_taken_for_one(case: Case) -> None:
    found = compare(case, TEST_SETS)
    assert 0.93 <= found.coverage <= 0.97
    if case.truth(case.base) == pytest.approx(case.truth(case.head)):
        assert found.rejected <= 0.06


@pytest.mark.slow
def test_a_leaderboard_of_alike_models_seldom_separates_any() -> None:
    alone, adjusted = family(TEST_SETS)
    assert alone > 0.15
    assert adjusted <= 0.06


@pytest.mark.slow
def test_the_stated_effect_is_found_four_times_in_five() -> None:
    base = Model(0.5)
    (case,) = (case for case in kinds(base, Model(0.787)) if name(case) == "accuracy, 10 questions an image-100")
    found = compare(case, TEST_SETS)
    # The head is better by what is stated, give or take a tenth of it.
    assert case.truth(case.head) - case.truth(case.base) == pytest.approx(found.detectable, rel=0.1)
    assert 0.74 <= found.rejected <= 0.86


def test_what_is_drawn_has_the_score_that_is_said(subtests: pytest.Subtests) -> None:
    for head, case in cases():
        if case.images == 100:
            with subtests.test(case=case.name, head=head):
                many = Case(case.name, case.metric, 20_000, case.each, case.base, case.head, case.kind).test_set(0)
                for model, columns in ((case.base, many.base), (case.head, many.head)):
                    assert case.metric.reduce(columns) == pytest.approx(case.truth(model), abs=0.008)
