"""The run directory: what survives a kill, what is refused, what is found."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ConfigurationError, DataError, EnvironmentProblem
from harness.records import Mask, Prediction, Record, Response, Target
from harness.results import RunManifest
from harness.store import RecordLog, RunDirectory, decode, encode, find_runs, read_records, write_atomically
from tests.harness.report import factory


def record(sample_id: str = "1") -> Record:
    mask = Mask((2, 3), "06")
    return Record(
        key="k",
        sample_id=sample_id,
        cluster="7",
        images=("7",),
        image_files=("Data/7.tif",),
        prompt="Is it é < 3?",
        fields={"question": "é"},
        target=Target(("yes",), (mask,), ((0.0, 1.0, 2.5, 3.0),)),
        response=Response("yes\n\u2028", (mask,), ((1.0, 2.0, 3.0, 4.0),), 0.5, 7, None),
        prediction=Prediction("ok", None, "yes", (mask,), ()),
        statistics={"oa": {"correct": 1.0}},
        tags={"type": "presence"},
    )


def manifest(**changes: object) -> RunManifest:
    return factory.manifest("model", Path("/data"), **changes)


def test_a_record_comes_back_as_it_was() -> None:
    line = encode(record())
    assert decode(line) == record()
    assert encode(decode(line)) == line
    assert line.count(b"\n") == 1


def test_numbers_of_numpy_can_be_written() -> None:
    box = tuple(np.array([1, 2, 3, 4], dtype=np.float32))
    answer = Response(boxes=(box,), seconds=np.float64(0.5))  # type: ignore[arg-type]
    again = decode(encode(replace(record(), response=answer)))
    assert again.response == Response(boxes=((1.0, 2.0, 3.0, 4.0),), seconds=0.5)


def test_a_torn_last_line_is_left_out_and_then_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(encode(record("1")) + encode(record("2"))[:-9])
    assert [found.sample_id for found in read_records(path)] == ["1"]
    with RecordLog(path) as log:
        log.append([record("3")])
    assert path.read_bytes() == encode(record("1")) + encode(record("3"))


def test_the_size_of_the_picture_seen_comes_back_and_no_other_thing_in_its_place() -> None:
    seen = replace(record(), response=Response("[1, 2, 3, 4]", box_family="qwen2_5_vl", seen=(28, 56)))
    assert decode(encode(seen)) == seen
    for damage in (b"[28]", b"[0,56]", b'"28"', b"{}"):
        with pytest.raises(ValueError, match="expected a height and a width in pixels"):
            decode(encode(seen).replace(b'"seen":[28,56]', b'"seen":' + damage))


def test_records_leave_the_process_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "new" / "records.jsonl"
    with RecordLog(path) as log:
        log.append([record("1"), record("2")])
        assert len(list(read_records(path))) == 2


def test_written_lines_are_read_back_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(encode(record("0")) + b'{"torn')
    with RecordLog(path) as log:
        log.append([record("1"), record("a longer one")])
        log.append([record("2")])
        assert {name: log.lines[name] for name in log.lines} == {
            name: encode(record(name)) for name in ("1", "a longer one", "2")
        }
        assert (len(log.lines), log.lines.get("0")) == (3, None)
    assert [found.sample_id for found in read_records(path)] == ["0", "1", "a longer one", "2"]


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with (
        RecordLog(path),
        pytest.raises(ConfigurationError, match=r"another process is writing .*records\.jsonl. Wait for it"),
        RecordLog(path),
    ):
        pass
    with RecordLog(path) as log:
        log.append([record()])


@pytest.mark.parametrize("line", [b'{"key": 1}', b"[]", b"3", b"{", b"", encode(record())[:40]])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(encode(record("1")) + line + b"\n" + encode(record("2")))
    with pytest.raises(DataError, match=r"records\.jsonl:2: this line is not a record .*Remove it and run the same"):
        list(read_records(path))


def test_a_run_goes_on_with_its_first_start_and_command(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    first = manifest(seed=0)
    assert run.open(first) == first
    again = run.open(manifest(started="later", command=("other",), seed=3))
    assert (again.started, again.command, again.seed) == (first.started, first.command, 3)
    assert run.manifest() == again


def test_another_models_run_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.open(manifest())
    with pytest.raises(
        ConfigurationError, match=r"holds the answers of model \(digest d1d1d1d1d1d1\), and this is model"
    ):
        run.open(manifest(digest="e2" * 32))


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match=r"is not empty and is no run \(it has no run\.json\)"):
        RunDirectory(tmp_path).open(manifest())


def test_what_a_kill_left_of_the_first_write_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".run.json.123.tmp").write_bytes(b"{")
    assert RunDirectory(tmp_path).open(manifest()) == manifest()


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(EnvironmentProblem, match=r"cannot be written: File exists. Name another with --output"):
        RunDirectory(tmp_path / "run").open(manifest())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "the whole file: Invalid JSON"),
        (b"{}", "model: Field required"),
        (b'{"model": 3}', "model: Input should be a valid string"),
    ],
)
def test_a_damaged_run_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(DataError, match=rf"run\.json: {message}"):
        RunDirectory(tmp_path).manifest()


def test_an_absent_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"result\.json cannot be read: No such file or directory. Is this a run"):
        RunDirectory(tmp_path).result("rrsis")


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    result = factory.result("small", [factory.OA], [factory.record("1")])
    assert run.unfinished() == []
    with RecordLog(run.records_path("small")):
        assert run.unfinished() == ["small"]
    run.close_task(result, [factory.record("1")])
    assert run.result("small") == result
    assert (run.tasks(), run.unfinished()) == (["small"], [])
    run.reopen_task("small")
    assert (run.tasks(), run.unfinished()) == ([], ["small"])


def test_an_atomic_write_leaves_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_runs_are_found_at_and_below_folders_once(tmp_path: Path) -> None:
    for name in ("b", "a/deep"):
        RunDirectory(tmp_path / name).open(manifest())
    found = find_runs([tmp_path / "b", tmp_path])
    assert [run.path for run in found] == [tmp_path / "a/deep", tmp_path / "b"]


def test_places_without_runs_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no run below it: expected a folder made by `geopix-eval --tasks"):
        find_runs([tmp_path])
    with pytest.raises(ConfigurationError, match="absent does not exist"):
        find_runs([tmp_path / "absent"])
