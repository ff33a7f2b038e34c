"""The table at the top: places, differences from a baseline, published rows, charts, and the files beside the page."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ConfigurationError
from harness.records import Record
from harness.report.leaderboard import write_leaderboard
from harness.report.plots import size_plot, step_plot
from harness.report.runs import load
from harness.report.samples import sample_scores
from harness.results import Score
from tests.harness.report.factory import MIOU, OA, manifest, record, result, segment_records, two_runs, write_run
from tests.harness.report.test_leaderboard import text

BOARD = """\
board: mine
title: A board <i>
columns:
  - {task: rsvqa_hr, title: Questions, group: Words}
  - {task: rrsis, metric: oiou, title: Masks, group: Pixels}
  - {task: eurosat, title: Nobody ran this}
published:
  - title: Table & one
    source: Somebody <b>
    url: javascript:alert(1)
    read: at third hand
    protocol: as here
    columns: [OA]
    fills: {OA: rsvqa_hr}
    rows: {"=Other <model>": [99.5], Less: ["70.0"]}
  - title: Table two
    source: Somebody else
    read: at third hand
    columns: [oIoU]
    fills: {oIoU: rrsis.oiou}
    rows: {"=Other <model>": [12.25]}
"""


def page_of(root: Path, **options: object) -> str:
    return write_leaderboard([root], root / "board.html", **options).path.read_text("utf-8")  # type: ignore[arg-type]


def answers(right: Sequence[bool]) -> list[Record]:
    return [
        record(f"q{i}", image=str(i), statistics={"oa": {"correct": float(value), "count": 1.0}})
        for i, value in enumerate(right)
    ]


def write_skills(root: Path, skills: dict[str, float], **settings: str) -> Path:
    """Runs over the same 200 samples, each right on its share of them, nested in each other."""
    draws = np.random.default_rng(3).random(200)
    for name, skill in skills.items():
        records = answers(list(draws < skill))
        value = float((draws < skill).mean())
        scores = (Score("oa", value, value - 0.05, value + 0.05, 200, 200),)
        own = {key: words.format(name) for key, words in settings.items()}
        about = manifest(name, root, settings=own)
        write_run(root / name, about, [(result("t", [OA], records, scores=scores), records)], previews=False)
    return root


def test_runs_that_cannot_be_told_apart_share_their_places(tmp_path: Path) -> None:
    page = text(page_of(write_skills(tmp_path, {"one": 0.9, "two": 0.89, "three": 0.5})))
    rows = page[page.index("Model oa") if "Model oa" in page else page.index("Best first") :]
    assert rows.count("places 1–2, tied") == 2
    assert rows.count("place 3") == 1
    assert rows.index("one") < rows.index("two") < rows.index("three")


def test_differences_from_the_baseline_have_a_sign_an_interval_and_words(tmp_path: Path) -> None:
    root = write_skills(tmp_path, {"good": 0.9, "base": 0.7, "same": 0.71, "bad": 0.3})
    page = text(page_of(root, baseline="base"))
    for words in (
        "▲ better than the baseline: +",
        "▼ worse than the baseline: −",
        "= not separable from the baseline:",
    ):
        assert page.count(words) == 1
    assert "Holm's correction over all differences of the board, seed 0" in page
    assert "test: exact McNemar, alpha 0.05" in page
    assert "base baseline" in page


def test_an_unknown_baseline_is_told_the_nearest(tmp_path: Path) -> None:
    root = write_skills(tmp_path, {"good": 0.9, "base": 0.7})
    with pytest.raises(
        ConfigurationError, match=r"no run goes by the name 'bse'\. Did you mean 'base'\? Known: base, g"
    ):
        page_of(root, baseline="bse")


def test_runs_over_other_data_get_no_places(tmp_path: Path) -> None:
    for name, digest in (("a", "1"), ("b", "2")):
        records = answers([True, False])
        write_run(
            tmp_path / name, manifest(name, tmp_path), [(result("t", [OA], records, data_digest=digest), records)]
        )
    page = text(page_of(tmp_path, baseline="a"))
    assert "place 1" not in page
    assert "Not comparable: t" in page


def test_runs_without_the_same_samples_say_why_they_have_no_places(tmp_path: Path) -> None:
    for name, count in (("a", 40), ("b", 39)):
        records = answers([True] * count)
        write_run(tmp_path / name, manifest(name, tmp_path), [(result("t", [OA], records), records)], previews=False)
    page = text(page_of(tmp_path))
    assert "No places: t: task t: a and b cannot be compared: 1 of 40 samples are in a only" in page


def test_a_metric_that_is_not_installed_says_why_there_are_no_places(tmp_path: Path) -> None:
    card = MIOU.__class__("m", "no_such_metric", {}, True, "percent", "higher", "f", "s")
    for name in "ab":
        records = answers([True] * 3)
        write_run(tmp_path / name, manifest(name, tmp_path), [(result("t", [card], records), records)], previews=False)
    assert "No places: t: unknown metric 'no_such_metric'" in text(page_of(tmp_path))


@pytest.fixture(scope="module")
def boarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = two_runs(tmp_path_factory.mktemp("boarded"))
    (root / "mine.yaml").write_text(BOARD, "utf-8")
    page_of(root, board=str(root / "mine.yaml"), baseline="baseline:constant")
    return root


def test_a_board_orders_groups_and_leaves_out_what_has_no_number(boarded: Path) -> None:
    page = text((boarded / "board.html").read_text("utf-8"))
    assert "A board <i>" in page
    assert "Words Pixels Model Questions oa % ↑" in page
    assert "Masks oiou % ↑" in page
    assert "No run and no published table has a number yet for Nobody ran this ." in page


def test_published_numbers_stand_apart_with_source_and_reason_and_in_no_test(boarded: Path) -> None:
    source = (boarded / "board.html").read_text("utf-8")
    page = text(source)
    assert "=Other <model> 99.5 published 12.25 published" in page
    assert "70.0 published" in page
    assert 'class="quote grey" href="#published-2"' in source
    assert 'class="quote" href="#published-1"' in source
    assert "In grey because its protocol is not known" in page
    assert "Source Somebody <b> javascript:alert(1) Read at third hand Protocol as here" in page
    assert 'href="javascript' not in source
    assert "Holm's correction over 2 pairs" in page
    numbers = json.loads((boarded / "board.json").read_text("utf-8"))
    assert {entry["run"] for entry in numbers["tie_groups"]} == {"geopix-mini", "baseline:constant"}


def test_the_json_beside_the_page_holds_every_number(boarded: Path) -> None:
    numbers = json.loads((boarded / "board.json").read_text("utf-8"))
    assert [run["label"] for run in numbers["runs"]] == ["geopix-mini", "baseline:constant"]
    assert numbers["runs"][0]["results"]["rsvqa_hr"]["slices"]
    assert numbers["runs"][0]["manifest"]["digest"] == "d1" * 32
    assert numbers["baseline"] == "baseline:constant"
    assert {entry["column"] for entry in numbers["differences"]} == {"rsvqa_hr", "rrsis.oiou"}
    assert numbers["published"][0]["title"] == "Table & one"
    assert {duel["run"] for duel in numbers["duels"]["rrsis"]} == {"geopix-mini", "baseline:constant"}


def test_a_board_without_runs_shows_what_is_published(tmp_path: Path) -> None:
    summary = write_leaderboard([], tmp_path / "board.html", board="geopix")
    page = text(summary.path.read_text("utf-8"))
    assert (summary.runs, summary.tasks) == (0, 0)
    assert "GeoPix" in page
    assert "10.61 19.18 6.20" in page
    assert "In grey because its protocol is not known - neither the test set nor what is averaged" in page


def test_runs_without_a_task_of_the_board_are_refused(tmp_path: Path) -> None:
    root = write_skills(tmp_path, {"one": 0.5})
    with pytest.raises(ConfigurationError, match=r"no run has a task of the board 'region_level'.*The runs hold t\."):
        page_of(root, board="region_level")


def test_scores_are_drawn_against_the_training_step(tmp_path: Path) -> None:
    page = page_of(write_skills(tmp_path, {"100": 0.5, "200": 0.7, "300": 0.8}, step="{}"))
    assert "t: oa against the training step, with 95 % intervals" in text(page)
    assert text(page).count("step 200: 7") == 1
    assert page.count('class="whisker"') == 3


def test_hostile_words_in_a_drawing_are_shown_and_not_run(tmp_path: Path) -> None:
    hostile = '</text></svg><script>alert(1)</script>"onload="alert(2)'
    page = page_of(write_skills(tmp_path, {"100": 0.5, "200": 0.7}, step="{}", recipe=hostile))
    assert "against the training step" in text(page)
    assert "<script>alert" not in page
    assert '"onload="' not in page
    assert "&lt;/text&gt;&lt;/svg&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_two_runs_of_one_recipe_and_step_stand_side_by_side() -> None:
    points = [("mini", step, Score("oa", value, None, None, 10, 5)) for step, value in ((9, 0.5), (9, 0.7), (2, 0.1))]
    plot = step_plot(points, OA, "t")
    assert plot is not None
    assert [[point.words for point in series.points] for series in plot.series] == [
        ["step 2: 10.0", "step 9: 50.0", "step 9: 70.0"]
    ]


def test_runs_without_a_step_have_no_such_chart(tmp_path: Path) -> None:
    assert "against the training step" not in page_of(write_skills(tmp_path / "1", {"a": 0.5, "b": 0.7}))
    assert "against the training step" not in page_of(write_skills(tmp_path / "2", {"nan": 0.5, "inf": 0.7}, step="{}"))


def test_scores_are_drawn_against_the_size_of_the_true_mask(tmp_path: Path) -> None:
    records = segment_records(160, 3)
    write_run(tmp_path / "m", manifest("m", tmp_path), [(result("t", [MIOU], records), records)], previews=False)
    table = {found.sample_id: found for found in records}
    plot = size_plot(load([tmp_path / "m"]), [table], [sample_scores(table, MIOU)], MIOU)
    assert plot is not None
    assert [series.label for series in plot.series] == ["m"]
    assert len(plot.series[0].points) == 5
    assert (
        size_plot(load([tmp_path / "m"]), [dict(list(table.items())[:140])], [sample_scores(table, MIOU)], MIOU) is None
    )


def test_a_page_without_pictures_is_small(tmp_path: Path) -> None:
    root = write_skills(tmp_path, {str(step): 0.5 + step / 1000 for step in range(100, 600, 100)})
    summary = write_leaderboard([root], tmp_path / "board.html", samples_per_task=0)
    # benchmarks/leaderboard.py measures 10,000 samples of five checkpoints.
    assert summary.bytes < 300_000
    assert not summary.large


def test_the_same_folder_is_written_twice(tmp_path: Path) -> None:
    root = two_runs(tmp_path / "runs")

    def written(name: str) -> dict[str, bytes]:
        write_leaderboard([root], tmp_path / name, form="folder")
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / name).as_posix(): path.read_bytes() for path in files}

    first = written("one")
    assert first == written("two")
    assert {"index.html", "index.json", "data/task-1.js", "data/task-2.js"} <= set(first)
    assert sum(name.startswith("pictures/") for name in first) > 10
    assert b"data:image" not in first["index.html"].split(b"<script>")[0].replace(b"data:image/png", b"")
