"""The run directory as a format: an old run is read, reported and scored; a newer one is refused; all is described."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.records import Mask, Prediction, Record, Response, Target
from harness.results import FORMAT, Counts, MetricCard, RunManifest, Score, Slice, TaskResult
from harness.store import RunDirectory, decode, encode

OLD_RUNS = Path(__file__).parent / "old_runs"
PAGE = Path(__file__).parents[2] / "docs" / "run-format.md"


def geopix_eval(*arguments: object) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run of format 1: geopix-mini on twelve questions and nine expressions, four of them about a damaged picture."""
    return Path(shutil.copytree(OLD_RUNS / "format-1", tmp_path / "old"))


def test_an_old_run_is_read_back(old: Path) -> None:
    run = RunDirectory(old)
    assert (run.manifest().format, run.manifest().model) == (1, "mini")
    assert run.tasks() == ["rrsis", "rsvqa_hr"]
    result, records = run.result("rrsis"), list(run.records("rrsis"))
    assert (result.format, result.limit) == (1, None)
    assert [record.prediction.status for record in records].count("failed") == result.counts.failed == 4
    assert sum(record.statistics["miou"]["iou"] for record in records if record.statistics) / 5 == pytest.approx(
        result.primary.value
    )
    assert all(record.raw_target is None for record in records)
    for picture in run.previews("rrsis").iterdir():
        assert picture.read_bytes()[8:12] == b"WEBP"


def test_an_old_run_is_reported(old: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.html"
    assert geopix_eval("leaderboard", old, "-o", board).exit_code == 0
    page = board.read_text("utf-8")
    for part in ("RRSIS-D, test split", "RSVQA-HR, test set 1", "31.5", "data:image/webp"):
        assert part in page


def test_an_old_run_is_scored_anew_with_the_same_scores(old: Path, tmp_path: Path) -> None:
    result = geopix_eval("rescore", old, "-o", tmp_path / "new", "--fail-on-error", "never")
    assert result.exit_code == 0, result.output
    for task in ("rrsis", "rsvqa_hr"):
        before, after = RunDirectory(old).result(task), RunDirectory(tmp_path / "new").result(task)
        assert after.scores == before.scores
        assert after.slices == before.slices
        assert (after.data_digest, after.prompt_digest) == (before.data_digest, before.prompt_digest)
        assert after.limit == 12
        assert any("records of format 1" in note for note in after.notes)


def test_going_on_with_an_old_run_makes_it_one_of_the_present_format(old: Path) -> None:
    run = RunDirectory(old)
    before = run.manifest()
    assert run.open(before).format == FORMAT
    assert run.manifest() == dataclasses.replace(before, format=FORMAT)


@pytest.mark.parametrize("file", ["run.json", "rrsis/result.json"])
@pytest.mark.parametrize(
    "command", [("leaderboard", "-o", "b.html"), ("rescore",), ("diff", "old")], ids=lambda words: str(words[0])
)
def test_a_newer_format_is_refused_with_what_to_do(
    old: Path, file: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old.parent)
    content = json.loads((old / file).read_text())
    (old / file).write_text(json.dumps({"something": "else", **content, "format": FORMAT + 1}))
    result = geopix_eval(command[0], old, *command[1:])
    assert result.exit_code == 4
    assert (
        f"{old / file} is of format {FORMAT + 1}, and this version of geopix-eval reads the formats 1 to {FORMAT}. "
        in (result.stderr)
    )
    assert "Install a newer one (`pip install --upgrade geopix`" in result.stderr


def test_keys_that_a_later_version_adds_are_passed_over(old: Path) -> None:
    for name in ("run.json", "rrsis/result.json"):
        content = json.loads((old / name).read_text())
        (old / name).write_text(json.dumps({**content, "added_later": 1}))
    run = RunDirectory(old)
    assert run.manifest().model == "mini"
    assert run.result("rrsis").task == "rrsis"
    line = next(iter(run.records("rrsis")))
    data = json.loads(encode(line))
    data["added_later"] = data["prediction"]["added_later"] = data["response"]["added_later"] = 1
    assert decode(json.dumps(data).encode()) == line


def rows(heading: str) -> set[str]:
    """The keys in the first column of the table below a heading."""
    page = PAGE.read_text("utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, heading
    return {key for row in re.findall(r"^\| (`.*?) \|", found[1], re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("run.json", [RunManifest]),
        ("result.json", [TaskResult]),
        ("A score", [Score]),
        ("A metric", [MetricCard]),
        ("A slice and the counts", [Slice, Counts]),
        ("records.jsonl", [Record]),
        ("What a record's values hold", [Target, Response, Prediction, Mask]),
    ],
)
def test_the_page_describes_every_field_and_no_other(heading: str, kinds: list[type]) -> None:
    assert rows(heading) == {field.name for kind in kinds for field in dataclasses.fields(kind)}


def test_the_page_names_the_present_format() -> None:
    assert f"The present format is {FORMAT}." in PAGE.read_text("utf-8")
