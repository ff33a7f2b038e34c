"""One verdict: every combination of drop, significance and gate, and a gate that cannot be evaluated fails."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.comparison.evidence import Evidence
from harness.comparison.gates import Amount, Bound, Gate, Gates
from harness.comparison.rows import Row
from harness.comparison.sides import Side
from harness.comparison.verdict import Verdicts, judge, status
from harness.results import Score, Slice
from tests.harness.comparison.evidence import ACCURACY, answers, result


def side(label: str, *tasks: Evidence, unfinished: tuple[str, ...] = ()) -> Side:
    return Side(label, f"digest of {label}", Path(label), {t.result.task: t for t in tasks}, unfinished)


def run(label: str, right: int, images: list[str] | None = None) -> Evidence:
    """Of 100 answers the first are right."""
    return answers(label, [1] * right + [0] * (100 - right), images)


def gate(**values: object) -> Gates:
    return Gates((Gate(task="small", metric="oa", **({"where": {}} | values)),))  # type: ignore[arg-type]


def judged(base: int, head: int, gates: Gates | None = None) -> Row:
    (row,) = judge(side("base", run("base", base)), side("head", run("head", head)), gates or Gates()).rows
    return row


POINTS_5, POINTS_20 = Amount(5.0, relative=False), Amount(20.0, relative=False)


@pytest.mark.parametrize(
    ("head", "gates", "verdict", "outcome"),
    [
        # Without a gate, significance decides: 20 lost and none won is p = 2**-19, 3 is p = 0.25.
        (60, Gates(), "regressed", "failed"),
        (77, Gates(), "stable", "passed"),
        (80, Gates(), "stable", "passed"),
        (83, Gates(), "stable", "passed"),
        (99, Gates(), "improved", "passed"),
        # A gate's allowance: within it, a significant drop is soft; beyond it the gate fails.
        (60, gate(drop=POINTS_20), "soft", "passed"),
        (77, gate(drop=POINTS_5), "stable", "passed"),
        (60, gate(drop=POINTS_5), "regressed", "failed"),
        (77, gate(drop=Amount(2.0, relative=False)), "regressed", "failed"),
        # 3 points of 80 are 3.75 %.
        (77, gate(drop=Amount(3.75, relative=True)), "stable", "passed"),
        (77, gate(drop=Amount(3.7, relative=True)), "regressed", "failed"),
        # Where chance is let pass.
        (77, gate(drop=Amount(2.0, relative=False), only_if_significant=True), "insufficient data", "passed"),
        (60, gate(drop=POINTS_5, only_if_significant=True), "regressed", "failed"),
        (60, gate(drop=POINTS_20, only_if_significant=True), "soft", "passed"),
        # Bounds hold whatever the baseline.
        (83, gate(least=Bound(84.0, percent=True)), "stable", "failed"),
        (83, gate(least=Bound(0.83, percent=False)), "stable", "passed"),
        (99, gate(greatest=Bound(0.9, percent=False)), "improved", "failed"),
        (60, gate(least=Bound(0.5, percent=False)), "regressed", "failed"),
    ],
)
def test_every_verdict(head: int, gates: Gates, verdict: str, outcome: str) -> None:
    row = judged(80, head, gates)
    assert (row.verdict, row.outcome) == (verdict, outcome)


def test_where_less_is_better_more_is_worse() -> None:
    lower = result(replace(ACCURACY, direction="lower"))
    base = answers("base", [1] * 20 + [0] * 80, found=lower)
    head = answers("head", [1] * 60 + [0] * 40, found=lower)
    assert judge(side("base", base), side("head", head), Gates()).rows[0].verdict == "regressed"
    assert judge(side("base", head), side("head", base), Gates()).rows[0].verdict == "improved"


def test_reasons_are_numbers_with_intervals() -> None:
    assert judged(80, 60).reasons == (
        "oa regressed: 80.00 -> 60.00 (-20.00, 95 % CI -28.00 to -13.00; p = 1.9e-06 after Holm, exact McNemar; n=100, "
        "100 clusters)",
    )
    assert judged(80, 79, gate(least=Bound(0.9, percent=False))).reasons == ("oa 79.00 < 90.00 (no interval, n=100)",)
    (reason,) = judged(80, 77, gate(drop=Amount(2.0, relative=False), only_if_significant=True)).reasons
    assert reason.startswith("too little data to tell: 80.00 -> 77.00 (-3.00, 95 % CI")
    assert "a drop of 4." in reason
    assert reason.endswith("would be found in 80 % of such tests")
    (reason,) = judged(80, 60, gate(drop=POINTS_5)).reasons
    assert reason.endswith("; 5 points worse is allowed")


def verdicts(base: Side, head: Side, gates: Gates | None = None) -> Verdicts:
    return judge(base, head, gates or Gates())


def test_a_task_that_is_gone_is_an_error() -> None:
    other = replace(run("head", 80), result=result(task="smull", value=0.8))
    found = verdicts(side("base", run("base", 80)), side("head", other))
    small, new = found.rows
    assert (small.task, small.outcome, small.verdict) == ("small", "error", "insufficient data")
    assert small.reasons == ("HEAD (head) has no task 'small'. Did you mean 'smull'? It has: smull",)
    # What is new has nothing to be compared with, and that is no fault.
    assert (new.task, new.outcome) == ("smull", "passed")
    assert new.reasons == (
        "nothing to compare with: BASE (base) has no task 'smull'. Did you mean 'small'? It has: small",
    )
    assert found.exit_code == 1


def test_an_unfinished_task_is_an_error() -> None:
    other = replace(run("head", 80), result=result(task="other", value=0.8))
    found = verdicts(side("base", run("base", 80)), side("head", other, unfinished=("small",)))
    assert found.rows[1].reasons == (
        "HEAD (head) has not finished task 'small'; the same command goes on where it stopped",
    )


@pytest.mark.parametrize(
    ("gates", "reason"),
    [
        (Gates((Gate("smal", "oa", {}, Bound(0.1, percent=False)),)), "HEAD (head) has no task 'smal'. Did you mean"),
        (
            Gates((Gate("small", "ao", {}, Bound(0.1, percent=False)),)),
            "HEAD (head) has no metric 'ao' in small. Did you",
        ),
        (gate(where={"size": "small"}, drop=POINTS_5), "task small of base has no slice 'size'. Known: none."),
        (gate(where={"size": "small"}, least=Bound(0.1, percent=False)), "task small of base has no slice 'size'"),
    ],
)
def test_a_gate_on_what_is_not_there_fails(gates: Gates, reason: str) -> None:
    found = verdicts(side("base", run("base", 80)), side("head", run("head", 80)), gates)
    (bad,) = found.bad
    assert bad.outcome == "error"
    assert bad.reasons[0].startswith(reason)
    assert found.exit_code == 1


def test_a_gate_on_a_drop_without_a_test_is_evaluated_where_it_can_be() -> None:
    images = ["one"] * 100
    base, head = side("base", run("base", 80, images)), side("head", run("head", 60, images))
    assert verdicts(base, head).rows[0].outcome == "passed"
    assert verdicts(base, head, gate(drop=POINTS_5)).rows[0].outcome == "failed"
    (row,) = verdicts(base, head, gate(drop=POINTS_5, only_if_significant=True)).rows
    assert row.outcome == "error"
    assert row.reasons[0] == ("the gate on a drop cannot be evaluated: a test needs two clusters or more, found 1")


def test_too_few_images_to_tell_are_not_called_stable() -> None:
    images = [f"image {n % 5}" for n in range(100)]
    base, head = side("base", run("base", 100, images)), side("head", run("head", 0, images))
    (row,) = verdicts(base, head).rows
    assert (row.verdict, row.outcome) == ("insufficient data", "passed")
    assert row.reasons[0].startswith("too little data to tell: 100.00 -> 0.00 (-100.00")
    (row,) = verdicts(base, head, gate(drop=POINTS_5, only_if_significant=True)).rows
    assert row.outcome == "error"
    assert row.reasons[0] == (
        "the gate on a drop cannot be evaluated: 5 clusters cannot give p <= 0.05, whatever the answers"
    )
    assert verdicts(base, head, gate(drop=POINTS_5)).rows[0].verdict == "regressed"


def test_a_bound_beyond_all_fractions_is_told_how_to_be_written() -> None:
    sides = [side(label, answers(label, [1, 1])) for label in ("base", "head")]
    (row,) = judge(*sides, gate(least=Bound(55.0, percent=False))).rows
    assert row.outcome == "error"
    assert row.reasons[0].endswith("oa is a fraction of at most 1; write 55 % for 0.55")
    assert judge(*sides, gate(least=Bound(1.0, percent=False))).rows[0].outcome != "error"


def test_a_bound_in_percent_is_for_metrics_in_percent() -> None:
    pixels = result(replace(ACCURACY, unit="pixels"))
    sides = (side(label, answers(label, [1, 0], found=pixels)) for label in ("base", "head"))
    (row,) = judge(*sides, gate(least=Bound(10.0, percent=True))).rows
    assert row.outcome == "error"
    assert row.reasons[0] == "the gate on the score cannot be evaluated: it is in percent, and oa is not"


def test_an_undefined_score_cannot_pass_a_gate() -> None:
    broken = answers("head", [None] * 100)
    base = side("base", answers("base", [None] * 100))
    for gates, words in (
        (gate(drop=POINTS_5), "the gate on a drop cannot be evaluated: no sample is scored in both runs"),
        (gate(least=Bound(0.0, percent=False)), "the gate on the score cannot be evaluated: no sample is scored"),
    ):
        (row,) = verdicts(base, side("head", broken), gates).rows
        assert (row.outcome, row.reasons) == ("error", (words,))


def test_samples_that_head_lost_are_an_error() -> None:
    found = verdicts(side("base", answers("base", [1, 1, 0, 1])), side("head", answers("head", [1, None, 0, 1])))
    assert found.rows[0].outcome == "error"
    assert (
        found.rows[0].reasons[0].startswith("HEAD (head) has no score for 1 samples that BASE has scored ('sample 1')")
    )
    # The other way round, head has more than was asked for.
    assert verdicts(found.head, found.base).rows[0].outcome == "passed"


def test_other_data_is_an_error_that_says_what_differs() -> None:
    other = replace(run("head", 80), result=replace(result(value=0.8), data_digest="e" * 64))
    (row,) = verdicts(side("base", run("base", 80)), side("head", other)).rows
    assert row.outcome == "error"
    assert "the data's digests differ" in row.reasons[0]


def test_statistics_of_another_version_are_an_error() -> None:
    old = {"oa": {"right": np.ones(100)}}
    base, head = (side(label, replace(run(label, 80), statistics=old)) for label in ("base", "head"))
    (row,) = verdicts(base, head).rows
    assert row.outcome == "error"
    assert "cannot be computed from what base stored" in row.reasons[0]


def test_a_metric_that_changed_is_an_error_though_both_runs_are_alike() -> None:
    old = replace(run("base", 80), result=result(value=0.9))
    (row,) = verdicts(side("base", old), side("head", run("head", 80)), gate(least=Bound(0.5, percent=False))).rows
    assert row.outcome == "error"
    assert row.reasons == (
        "metric 'oa' of task small gives 0.8 today where base was scored 0.9 with the same statistics: the metric has "
        "changed. If it should, raise the task's version, run it again and `geopix-eval bless` the run",
    )


def test_a_gate_on_a_slice_is_a_row_of_its_own() -> None:
    def sliced(label: str, right: int) -> Evidence:
        whole = run(label, right)
        sizes = tuple("small" if n % 2 else "large" for n in range(100))
        part = Slice("size", "small", (Score("oa", right / 100, None, None, 50, 50),))
        return replace(whole, tags={"size": sizes}, result=replace(whole.result, slices=(part,)))

    gates = gate(where={"size": "small"}, least=Bound(0.7, percent=False), drop=POINTS_5)
    found = verdicts(side("base", sliced("base", 80)), side("head", sliced("head", 60)), gates)
    whole, part = found.rows
    assert (whole.name, part.name) == ("oa", "oa [size=small]")
    assert part.difference is not None
    assert part.difference.n == 50
    assert [reason.split(";")[0].split("(")[0].strip() for reason in part.reasons] == [
        "oa [size=small] 60.00 < 70.00",
        "oa [size=small] regressed: 80.00 -> 60.00",
    ]


def test_holm_counts_every_row() -> None:
    # Eight lost and none won is p = 0.0078: significant alone, and not among seven.
    def tasks(label: str, right: int, count: int) -> Side:
        names = [f"task_{n}" for n in range(count)]
        return side(label, *(replace(run(label, right), result=result(task=name, value=right / 100)) for name in names))

    assert verdicts(tasks("base", 80, 6), tasks("head", 72, 6)).exit_code == 1
    assert verdicts(tasks("base", 80, 7), tasks("head", 72, 7)).exit_code == 0


def test_the_status_counts() -> None:
    bad, broken, good = judged(80, 60), replace(judged(80, 80), outcome="error"), judged(80, 80)
    assert status([good, good]) == "PASSED: 2 of 2 checks hold"
    assert status([good, bad, broken]) == "FAILED: 1 failed, 1 could not be evaluated, of 3 checks"
    assert status([good, broken]) == "FAILED: 1 could not be evaluated, of 2 checks"
