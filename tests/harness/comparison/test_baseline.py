"""Baselines: the same bytes for the same run, no answers in them, and as good as the run in a comparison."""

import gzip
from pathlib import Path

import numpy as np
import orjson
import pytest

from harness.comparison import baseline as module
from harness.comparison.baseline import bless, read_baseline, write_baseline
from harness.comparison.gates import Gates
from harness.comparison.sides import load_side, load_sides
from harness.comparison.verdict import judge
from harness.errors import ConfigurationError, DataError, MissingDataError
from harness.store import RunDirectory
from tests.harness.comparison.runs import write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", 70)


@pytest.mark.parametrize("name", ["baseline.json", "baseline.json.gz"])
def test_a_baseline_compares_as_the_run_does(run: Path, tmp_path: Path, name: str) -> None:
    file, head = tmp_path / name, write_run(tmp_path / "head", 40)
    size = write_baseline(bless(RunDirectory(run)), file)
    assert size == file.stat().st_size
    straight, blessed = (judge(*load_sides(base, head), Gates()) for base in (run, file))
    assert [row.difference for row in straight.rows] == [row.difference for row in blessed.rows]
    assert blessed.exit_code == 1


def test_the_same_run_gives_the_same_bytes_and_no_answers(run: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.json.gz", tmp_path / "b.json.gz"]
    for file in files:
        write_baseline(bless(RunDirectory(run)), file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].stat().st_size < 2000
    content = gzip.decompress(files[0].read_bytes())
    for secret in (b"secret", b"/data", b"Response"):
        assert secret not in content
    stored = orjson.loads(content)
    assert (stored["kind"], stored["format"], stored["model"]) == ("geopix-eval baseline", 1, "model")
    assert stored["tasks"][0]["result"]["seconds"] is None


def test_what_a_sample_lacks_stays_lacking(run: Path, tmp_path: Path) -> None:
    found = bless(RunDirectory(run))
    found.tasks[0].statistics["oa"]["correct"][3] = np.nan  # type: ignore[index]
    write_baseline(found, tmp_path / "b.json")
    again = read_baseline(tmp_path / "b.json")
    assert np.isnan(again.tasks[0].statistics["oa"]["correct"][3])
    assert again.tasks[0].sample_ids == found.tasks[0].sample_ids
    assert again.tasks[0].tags == found.tasks[0].tags


def test_an_unfinished_run_is_no_baseline(run: Path) -> None:
    (run / "other").mkdir()
    (run / "other" / "records.jsonl").write_text("")
    with pytest.raises(ConfigurationError, match="other is not finished, so this is no baseline yet"):
        bless(RunDirectory(run))
    for task in ("small", "other"):
        (run / task / "result.json").unlink(missing_ok=True)
        (run / task / "records.jsonl").unlink()
    with pytest.raises(ConfigurationError, match="every task is not finished"):
        bless(RunDirectory(run))


def broken(run: Path, file: Path, change: str) -> bytes:
    write_baseline(bless(RunDirectory(run)), file)
    stored = orjson.loads(file.read_bytes())
    match change:
        case "version":
            stored["format"] = 2
        case "short":
            stored["tasks"][0]["clusters"].pop()
        case "metric":
            stored["tasks"][0]["statistics"]["made_up"] = {}
    return orjson.dumps(stored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("version", r"format: Input should be 1\. Expected a baseline made by this version's `geopix-eval bless"),
        ("short", "task small: the columns do not fit the 100 samples and the metrics oa"),
        ("metric", "the columns do not fit"),
    ],
)
def test_a_damaged_baseline_is_refused(run: Path, tmp_path: Path, change: str, message: str) -> None:
    file = tmp_path / "b.json"
    file.write_bytes(broken(run, file, change))
    with pytest.raises(DataError, match=message):
        load_side(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not json", "the whole file: Invalid JSON"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (gzip.compress(b"{}", mtime=0)[:-4], "cannot be read"),
        (b"{}", "kind: Field required"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "b.json.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_baseline(file)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 2**20)
    file = tmp_path / "b.json.gz"
    file.write_bytes(gzip.compress(b" " * 2**21))
    with pytest.raises(DataError, match="unpacks to more than 1 MiB, which no baseline does"):
        read_baseline(file)


def test_a_place_that_cannot_be_written_is_said(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written: .* with -o"):
        write_baseline(bless(RunDirectory(run)), tmp_path / "file" / "b.json")


def test_sides_are_told_apart_and_absent_ones_are_missing(run: Path, tmp_path: Path) -> None:
    base, head = load_sides(run, write_run(tmp_path / "head", 70))
    assert (base.label, head.label) == (f"model ({run})", f"model ({tmp_path / 'head'})")
    assert base.tasks["small"].label == base.label
    with pytest.raises(MissingDataError, match="none does not exist. Expected a run's folder"):
        load_side(tmp_path / "none")
    with pytest.raises(ConfigurationError, match=r"is no run \(it has no run.json\)"):
        load_side(tmp_path)
    (run / "small" / "result.json").unlink()
    with pytest.raises(ConfigurationError, match="no task is finished here"):
        load_side(run)
