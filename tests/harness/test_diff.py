"""What differs between two runs: nothing hidden, nothing invented, no verdict."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.differences import sample_changes
from harness.records import Prediction, Record
from harness.results import MetricCard
from harness.store import RunDirectory
from tests.harness.report import factory


def diff(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["diff", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def write(
    path: Path, records: list[Record], *, task: str = "small", card: MetricCard = factory.OA, **changes: object
) -> Path:
    run = RunDirectory(path)
    if not (path / "run.json").exists():
        run.open(factory.manifest("model", Path("/data")))
    run.records_path(task).parent.mkdir()
    run.close_task(factory.result(task, [card], records, **changes), records)
    return path


def answer(sample_id: str, correct: float | None, status: str = "ok", metric: str = "oa") -> Record:
    statistics = {} if correct is None else {metric: {"correct": correct, "count": 1.0}}
    return factory.record(sample_id, prediction=Prediction(status), statistics=statistics)  # type: ignore[arg-type]


def share(sample_id: str, iou: float) -> Record:
    return factory.record(sample_id, statistics={"miou": {"iou": iou, "count": 1.0}})


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [answer("1", 1.0), answer("2", 0.0)])
    result = diff(run, run)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"runs  {run} -> {run}",
        "  the same model, settings and versions",
        "",
        "task  small",
        "  oa (primary): 50.00 in both",
        "  2 samples in both: 0 with another status, 0 better and 0 worse in oa, 0 moved without a flip",
    ]


def test_settings_versions_digests_counts_and_scores_are_told(tmp_path: Path) -> None:
    one = write(tmp_path / "one", [answer("1", 1.0), answer("2", 0.0)])
    other = RunDirectory(tmp_path / "other")
    versions = {"python": "3.12.1", "geopix": "0.1.0", "torch": "2.13.0"}
    other.open(factory.manifest("better", Path("/data"), digest="e5", settings={"device": "cuda"}, versions=versions))
    changed = {"version": 2, "data_digest": "dd", "images_digest": "ff"}
    card = replace(factory.OA, options={"preset": "geochat"})
    write(tmp_path / "other", [answer("1", 1.0), answer("2", None, "failed")], card=card, **changed)
    lines = diff(one, tmp_path / "other").stdout.splitlines()
    for line in (
        "  model: model -> better",
        f"  digest: {'d1' * 32} -> e5",
        "  settings.device: cpu -> cuda",
        "  settings.dtype: float32 -> absent",
        "  versions.python: 3.11.4 -> 3.12.1",
        "  versions.torch: absent -> 2.13.0",
        "  version: 1 -> 2",
        f"  data_digest: {'bb' * 32} -> dd",
        "  images_digest: none -> ff",
        "  metric oa: accuracy -> accuracy (preset=geochat)",
        "  ok: 2 -> 1",
        "  failed: 0 -> 1",
        "  oa (primary): 50.00 -> 100.00 (+50.00)",
        "    2: wrong -> failed",
    ):
        assert line in lines
    assert not any(line.startswith(("  seed", "  prompt_digest", "  unparsed")) for line in lines)


def test_flips_are_counted_and_the_list_is_capped(tmp_path: Path) -> None:
    before = [answer(str(number), float(number % 2)) for number in range(60)]
    after = [answer(str(number), float(number % 3 == 0)) for number in range(60)]
    one, other = write(tmp_path / "one", before), write(tmp_path / "other", after)
    better = sum(number % 2 == 0 and number % 3 == 0 for number in range(60))
    worse = sum(number % 2 == 1 and number % 3 != 0 for number in range(60))
    for most in (5, 20, 100):
        lines = diff(one, other, "--samples", most).stdout.splitlines()
        counts = f"0 with another status, {better} better and {worse} worse in oa, 0 moved without a flip"
        assert f"  60 samples in both: {counts}" in lines
        listed = [line for line in lines if line.startswith("    ") and "->" in line]
        assert listed[:2] == ["    0: wrong -> right", "    1: right -> wrong"]
        assert len(listed) == min(most, better + worse)
        more = f"    and {better + worse - most} more; --samples N lists more of them"
        assert (more in lines) == (most < better + worse)


def test_a_share_flips_at_one_half_and_moves_otherwise() -> None:
    before = [share("a", 0.7), share("b", 0.2), share("c", 0.2), share("d", 0.9)]
    after = [share("a", 0.3), share("b", 0.5), share("c", 0.4), share("d", 0.9)]
    found = sample_changes(before, after, "miou")
    assert [(flip.sample_id, flip.kind, flip.before, flip.after) for flip in found.flips] == [
        ("a", "worse", "70.0", "30.0"),
        ("b", "better", "20.0", "50.0"),
    ]
    assert (found.moved, found.shared) == (1, 4)


def test_another_status_is_a_flip_even_with_the_same_score() -> None:
    found = sample_changes([answer("1", 0.0)], [answer("1", 0.0, "unparsed")], "oa")
    assert [(flip.kind, flip.before, flip.after) for flip in found.flips] == [("status", "wrong", "unparsed, wrong")]


def test_statistics_without_a_score_of_their_own_move() -> None:
    one = factory.record("1", statistics={"cider": {"reference_length": 9.0}})
    other = factory.record("1", statistics={"cider": {"reference_length": 8.0}})
    assert sample_changes([one], [other], "cider").moved == 1


def test_samples_and_tasks_of_one_run_alone_are_named(tmp_path: Path) -> None:
    one = write(tmp_path / "one", [answer(str(number), 1.0) for number in range(8)])
    write(one, [answer("1", 1.0)], task="extra")
    other = write(tmp_path / "other", [answer("7", 1.0), answer("x", 1.0)])
    (other / "begun").mkdir()
    (other / "begun" / "records.jsonl").write_bytes(b"")
    lines = diff(one, other).stdout.splitlines()
    assert "  7 samples in the first run alone: 0, 1, 2, 3, 4, .." in lines
    assert "  1 sample in the second run alone: x" in lines
    assert "in the first run alone: extra" in lines
    assert "not finished in the second run: begun" in lines


def test_other_primary_metrics_are_said(tmp_path: Path) -> None:
    one = write(tmp_path / "one", [answer("1", 1.0)])
    other = write(tmp_path / "other", [answer("1", 1.0, metric="aa")], card=replace(factory.OA, name="aa"))
    text = diff(one, other).stdout
    assert "  oa (primary): 100.00 -> absent" in text
    assert "  aa (primary): absent -> 100.00" in text
    assert "primary metrics differ, oa and aa: samples are held against each other by oa alone" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("one", "other", "--task", "smal"),
            2,
            "'smal' is not finished in both runs. Did you mean 'small'? Finished in both",
        ),
        (("one", "third"), 2, "the runs share no finished task: one has small; third has else. Run the same tasks"),
        (("one", "absent"), 4, "absent/run.json cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, task in (("one", "small"), ("other", "small"), ("third", "else")):
        write(Path(name), [answer("1", 1.0)], task=task)
    result = diff(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_hostile_words_are_inert(tmp_path: Path) -> None:
    bad = "\x1b[2J\n[red]"
    one = write(tmp_path / "one", [answer(bad, 1.0)])
    other = RunDirectory(tmp_path / "other")
    other.open(factory.manifest(bad, Path("/data"), settings={bad: bad}))
    write(tmp_path / "other", [answer(bad, 0.0)], card=replace(factory.OA, options={bad: bad}))
    text = diff(one, tmp_path / "other").stdout
    assert "\x1b" not in text
    assert "    ⟨U+001B⟩[2J⟨U+000A⟩[red]: right -> wrong" in text.splitlines()


def test_another_judge_is_told() -> None:
    from harness.differences import Change, result_changes

    one, other = (factory.result("t", [factory.OA], [], judging={"judge": name}) for name in ("small", "large"))
    assert list(result_changes(one, other)) == [Change("judging: judge", "small", "large")]
