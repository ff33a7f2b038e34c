"""Which samples are shown: by a stated rule, the same for all runs."""

from collections import Counter

from harness.records import Record
from harness.report.samples import Choice, sample_score, sample_scores
from harness.report.samples import choose as choose_by_score
from harness.results import MetricCard
from tests.harness.report.factory import record, vqa_records


def table(records: list[Record]) -> dict[str, Record]:
    return {found.sample_id: found for found in records}


def choose(tables: list[dict[str, Record]], metric: str, count: int) -> list[Choice]:
    card = MetricCard(metric, "no_such_metric", {}, True, "percent", "higher", "", "")
    return choose_by_score(tables, [sample_scores(found, card) for found in tables], count)


def scored(*values: float) -> dict[str, Record]:
    return table([record(f"s{i}", statistics={"miou": {"iou": value}}) for i, value in enumerate(values)])


def test_a_quarter_is_trouble_and_the_rest_is_shared() -> None:
    tables = [table(vqa_records(240, 0.7, seed)) for seed in (1, 2)]
    counts = Counter(choice.why for choice in choose(tables, "oa", 60))
    assert counts == {"not ok": 15, "runs differ": 15, "worst": 10, "best": 10, "random": 10}


def test_choice_does_not_depend_on_the_order_of_runs_or_records() -> None:
    one, two = table(vqa_records(100, 0.7, 1)), table(vqa_records(100, 0.5, 2))
    turned = dict(reversed(two.items()))
    assert choose([one, two], "oa", 20) == choose([turned, one], "oa", 20)


def test_worst_and_best_follow_the_mean_over_runs() -> None:
    tables = [scored(0.2, 0.5, 0.9, 0.3), scored(0.6, 0.5, 0.9, 0.1)]
    chosen = choose(tables, "miou", 3)
    assert [(choice.sample_id, choice.why) for choice in chosen[:2]] == [("s3", "worst"), ("s2", "best")]


def test_every_sample_is_shown_once_where_there_are_few() -> None:
    chosen = choose([scored(0.1, 0.2, 0.3)], "miou", 60)
    assert sorted(choice.sample_id for choice in chosen) == ["s0", "s1", "s2"]


def test_metric_without_sample_scores_leaves_random_ones() -> None:
    records = table([record(f"s{i}", statistics={"cider": {"length": 3.0}}) for i in range(9)])
    assert {choice.why for choice in choose([records], "cider", 4)} == {"random"}


def test_no_cards_when_none_are_wanted() -> None:
    assert choose([table(vqa_records(50, 0.7, 1))], "oa", 0) == []


def test_samples_on_which_the_runs_differ_most_come_before_the_worst() -> None:
    chosen = choose([scored(0.1, 0.9, 0.2, 0.8), scored(0.1, 0.2, 0.9, 0.8)], "miou", 4)
    assert [(choice.sample_id, choice.why) for choice in chosen[:1]] in (
        [("s1", "runs differ")],
        [("s2", "runs differ")],
    )


def test_the_installed_metric_is_asked_where_statistics_are_of_no_usual_kind() -> None:
    records = table([record(f"s{i}", statistics={"m": {"wrong/": 0.0}}) for i in range(2)])
    assert set(sample_scores(records, MetricCard("m", "absent", {}, True, "score", "higher", "", "")).values()) == {
        None
    }
    pixels = {"m": {"intersection": 1.0, "union": 0.0}}
    assert sample_score(pixels["m"]) is None
