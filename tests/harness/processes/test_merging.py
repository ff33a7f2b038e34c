"""`geopix-eval merge`: a run closed without its model."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.processes.shards import Shard
from harness.store import encode
from tests.harness.processes.test_ranks import Shares
from tests.harness.report import factory
from tests.harness.small_data import write_task


class Merged(Shares):
    """Shares of a run, and the command that merges them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.run.open(factory.manifest("asked", self.data, digest="d1"))

    def merge(self, *options: str) -> Result:
        arguments = ["merge", str(self.run.path), "--task-dir", str(self.path), *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


@pytest.fixture
def shares(tmp_path: Path) -> Merged:
    return Merged(tmp_path)


def refused(result: Result, code: int, words: str) -> None:
    assert result.exit_code == code, result.output
    assert words in result.stderr.replace("\n", " ")
    assert result.stdout == ""


def test_shares_whose_closing_was_killed_are_merged(shares: Merged) -> None:
    for number in (1, 2):
        shares.answer(number, 2)
    whole = shares.files()
    # As a kill leaves it after the last share and before the closing.
    lines = whole["records.jsonl"].splitlines(keepends=True)
    folder = shares.run.path / "small"
    (folder / "records.1-of-2.jsonl").write_bytes(b"".join(lines[::2]))
    (folder / "records.2-of-2.jsonl").write_bytes(b"".join(lines[1::2]) + b'{"torn')
    (folder / "records.jsonl").unlink()
    (folder / "result.json").unlink()
    merged = shares.merge()
    assert merged.exit_code == 0, merged.output
    assert "oa" in merged.stdout
    assert shares.files() == whole
    again = shares.merge()
    assert (again.exit_code, again.stdout) == (0, merged.stdout)
    assert "every task is closed already" in again.stderr
    refused(shares.merge("--task", "smal"), 2, "has no unfinished task 'smal'. Its unfinished tasks: none")


def test_a_run_with_samples_missing_stays_open(shares: Merged) -> None:
    shares.answer(1, 2)
    before = len(shares.records())
    words = f"small: {96 - before} samples have no record, so the task stays open. The command that started the run"
    refused(shares.merge(), 3, words)
    assert len(shares.records()) == before
    shares.answer(2, 2)
    assert shares.run.is_finished("small")


def test_shares_of_machines_that_know_nothing_of_each_other_are_merged(shares: Merged, tmp_path: Path) -> None:
    other = Shares(tmp_path / "other")
    shares.answer(1, 2)
    other.answer(2, 2)
    file = other.run.records_path("small", Shard(1, 2))
    file.rename(shares.run.path / "small" / file.name)
    assert shares.merge().exit_code == 0
    alone = Shares(tmp_path / "alone")
    alone.answer(1, 1)
    assert shares.files() == alone.files()


def test_a_run_at_work_is_left_alone(shares: Merged) -> None:
    shares.answer(1, 2)
    with shares.at_work(2, 2):
        refused(
            shares.merge(), 2, "records.2-of-2.jsonl. Wait for it: whoever is last at work closes task small by itself"
        )


def test_a_changed_task_is_not_merged(shares: Merged) -> None:
    shares.answer(1, 2)
    write_task(shares.path, prompt="{{ question }} Say yes or no.")
    refused(shares.merge(), 2, "the task has changed since")


def test_a_changed_image_is_not_taken_for_answered(shares: Merged) -> None:
    for number in (1, 2):
        shares.answer(number, 2)
    shares.run.reopen_task("small")
    image = shares.data / "SMALL" / "Data" / "2.tif"
    image.write_bytes(image.read_bytes() + b"\0")
    refused(shares.merge(), 3, "small: 4 samples have no record")


def test_data_that_is_elsewhere_is_named(shares: Merged) -> None:
    for number in (1, 2):
        shares.answer(number, 2)
    shares.run.reopen_task("small")
    elsewhere = shares.data.rename(shares.path / "elsewhere")
    refused(shares.merge(), 4, "task small: the data is not at")
    assert shares.merge("--data-dir", str(elsewhere)).exit_code == 0


def test_a_run_of_an_earlier_version_has_nothing_to_merge(shares: Merged) -> None:
    folder = shares.run.path / "small"
    folder.mkdir()
    (folder / "records.jsonl").write_bytes(encode(factory.record("1")))
    refused(shares.merge(), 2, "no process has said what it does to task small. Run the same")


def test_a_task_that_is_not_known_is_named(shares: Merged) -> None:
    shares.answer(1, 2)
    result = CliRunner().invoke(main, ["merge", str(shares.run.path)])
    refused(result, 2, "Name the folder of its task file with --task-dir.")


def test_failed_samples_end_it_with_3(shares: Merged) -> None:
    (shares.data / "SMALL" / "Data" / "2.tif").unlink()
    for number in (1, 2):
        shares.answer(number, 2)
    shares.run.reopen_task("small")
    result = shares.merge()
    assert result.exit_code == 3
    assert "small: 4 of 96 samples failed" in result.stderr
    shares.run.reopen_task("small")
    assert shares.merge("--fail-on-error", "never").exit_code == 0
    assert json.loads(shares.files()["result.json"])["counts"]["failed"] == 4
