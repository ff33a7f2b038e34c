"""Scores over a whole task and over its slices, from the same table."""

import numpy as np
import pytest

from harness.corpus import Table
from harness.metrics.accuracy import Accuracy
from harness.records import Prediction, Record, Target


def record(kind: str, right: bool | None) -> Record:
    """A record whose mean accuracy over types has one statistic of its own type; a failed one has none."""
    answered = {} if right is None else {"aa": {f"correct/{kind}": float(right), f"count/{kind}": 1.0}}
    status = Prediction("failed") if right is None else Prediction("ok", text="yes")
    return Record("", "", "", (), (), "", {}, Target(), None, status, answered, {"type": kind})


RECORDS = [record("comp", True), record("count", False), record("comp", None), record("comp", False)]


@pytest.fixture
def table() -> Table:
    return Table.of(RECORDS, "aa", np.array([0, 1, 1, 2]))


def test_samples_without_statistics_are_left_out_and_the_others_filled_with_zeros(table: Table) -> None:
    scored = table.scored()
    assert scored.clusters.tolist() == [0, 1, 2]
    assert {name: column.tolist() for name, column in scored.columns.items()} == {
        "correct/comp": [1, 0, 0],
        "correct/count": [0, 0, 0],
        "count/comp": [1, 0, 1],
        "count/count": [0, 1, 0],
    }


def test_a_slice_keeps_only_the_statistics_that_its_samples_have(table: Table) -> None:
    comparisons = table.rows(np.array([True, False, True, True])).scored()
    assert sorted(comparisons.columns) == ["correct/comp", "count/comp"]
    assert comparisons.clusters.tolist() == [0, 2]
    # A column of another type, all zeros, would leave the mean over types undefined.
    assert Accuracy(average="type").reduce(comparisons.columns) == 0.5


def test_a_slice_of_failed_samples_scores_none(table: Table) -> None:
    assert len(table.rows(np.array([False, False, True, False])).scored().clusters) == 0


def test_a_metric_that_scores_nothing_has_an_empty_table() -> None:
    assert Table.of(RECORDS, "other", np.array([0, 1, 1, 2])).scored().columns == {}
