"""Pairs: the same samples in the same order, and a refusal that says everything."""

from dataclasses import replace

import numpy as np
import pytest

from harness.comparison.evidence import Evidence, metric_of
from harness.comparison.pairing import NotComparableError, pair
from harness.errors import ConfigurationError
from tests.harness.comparison.evidence import ACCURACY, answers, record, result


def test_samples_are_matched_by_id_whatever_their_order() -> None:
    base = answers("base", [1, 0, 1], ["a", "b", "a"])
    head = answers("head", [0, 1, 1], ["a", "b", "a"])
    turned = Evidence.of_records(
        "head",
        head.result,
        [
            record("sample 2", {"oa": {"correct": 1.0, "count": 1.0}}, "a"),
            record("sample 0", {"oa": {"correct": 0.0, "count": 1.0}}, "a"),
            record("sample 1", {"oa": {"correct": 1.0, "count": 1.0}}, "b"),
        ],
    )
    straight, other = pair(base, head, "oa"), pair(base, turned, "oa")
    for pairs in (straight, other):
        assert pairs.sample_ids == ("sample 0", "sample 1", "sample 2")
        assert pairs.base["correct"].tolist() == [1, 0, 1]
        assert pairs.head["correct"].tolist() == [0, 1, 1]
        assert pairs.groups.tolist() == [0, 1, 0]
        assert pairs.clusters == 2


def test_a_sample_that_one_run_failed_on_is_left_out_and_named() -> None:
    pairs = pair(answers("base", [1, None, 1, 0]), answers("head", [None, 1, 0, 0]), "oa")
    assert pairs.sample_ids == ("sample 2", "sample 3")
    assert pairs.only_base == ("sample 0",)
    assert pairs.only_head == ("sample 1",)
    assert pairs.clusters == 2


def test_a_slice_keeps_only_its_samples_and_their_statistics() -> None:
    def run(label: str, right: float) -> Evidence:
        types = ["comp", "count", "comp"]
        records = [
            record(str(n), {"oa": {f"correct/{kind}": right, f"count/{kind}": 1.0}}, str(n), {"type": kind})
            for n, kind in enumerate(types)
        ]
        return replace(Evidence.of_records(label, result(), records), tags={"type": tuple(types)})

    pairs = pair(run("base", 1.0), run("head", 0.0), "oa", {"type": "comp"})
    assert pairs.sample_ids == ("0", "2")
    # A column of another type, all zeros, would leave a mean over types undefined.
    assert sorted(pairs.base) == ["correct/comp", "count/comp"]
    with pytest.raises(ConfigurationError, match=r"task small of base has no slice 'kind'\. Known: type\."):
        pair(run("base", 1.0), run("head", 0.0), "oa", {"kind": "comp"})


def test_one_refusal_says_every_difference_with_counts_and_ids() -> None:
    base = answers("base", [1, 0, 1, 1, 1])
    head = answers("head", [1, 0], found=replace(result(version=2), data_digest="e" * 64, images_digest="1" * 64))
    base = replace(base, result=replace(base.result, images_digest="2" * 64))
    with pytest.raises(NotComparableError) as refusal:
        pair(base, head, "oa")
    assert str(refusal.value) == (
        "task small: base and head cannot be compared: the task's versions differ (1 and 2); 3 of 5 samples are in "
        "base only ('sample 2', 'sample 3', 'sample 4'); the data's digests differ (dddddddddddd and eeeeeeeeeeee); "
        "the images' digests differ (222222222222 and 111111111111). Run the task again for both with the same task "
        "file and data (or `geopix-eval bless` a new baseline), then compare again."
    )


def test_ids_beyond_the_first_are_counted() -> None:
    with pytest.raises(NotComparableError, match="4 of 5 samples are in head only .*'sample 3' and 1 more"):
        pair(answers("base", [1]), answers("head", [1] * 5), "oa")


def test_repeated_ids_are_refused() -> None:
    twice = replace(answers("head", [1, 1]), sample_ids=("sample 0", "sample 0"))
    with pytest.raises(NotComparableError, match="head holds 1 sample ids more than once"):
        pair(answers("base", [1, 1]), twice, "oa")


def test_a_model_that_does_not_look_at_images_is_comparable_with_one_that_does() -> None:
    base, head = answers("base", [1, 0]), answers("head", [1, 0])
    looked = replace(base, result=replace(base.result, images_digest="1" * 64))
    assert pair(looked, head, "oa").clusters == 2


def test_metrics_of_one_name_and_two_definitions_are_refused() -> None:
    other = replace(ACCURACY, options={"match": "geochat"})
    with pytest.raises(NotComparableError, match=r"metric 'oa' is accuracy \{\} in base and accuracy \{'match': 'geo"):
        pair(answers("base", [1, 0]), answers("head", [1, 0], found=result(other)), "oa")


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"task small of base has no metric 'ao'\. Did you mean 'oa'\?"):
        pair(answers("base", [1, 0]), answers("head", [1, 0]), "ao")


def test_a_metric_that_is_gone_or_changed_is_a_mistake_that_can_be_mended() -> None:
    with pytest.raises(ConfigurationError, match="'accuracy' no longer takes the options"):
        metric_of(replace(ACCURACY, options={"made_up": 1}))
    assert metric_of(ACCURACY).reduce({"correct": np.ones(2), "count": np.ones(2)}) == 1.0
