"""Several processes that answer one run: what they divide, who closes it, and that nobody can tell from the result."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.closing import Unfinished
from harness.console import task_progress
from harness.errors import ConfigurationError
from harness.evaluate import take_part
from harness.processes.attendance import Attendance, Plan
from harness.processes.shards import ALONE, Shard
from harness.records import Record, Request, Response
from harness.results import TaskResult
from harness.run import see_one_card
from harness.settings import Settings
from harness.store import RunDirectory, read_records
from tests.harness.several_processes import Place, await_records, kill
from tests.harness.small_data import small_task, write_data, write_task
from tests.harness.test_evaluate import Asked, failing


def in_batches(request: Request) -> Response:
    return Response(text=("yes", "no", "perhaps")[int(request.sample_id) % 5 % 3], seconds=0.5, tokens=3)


class Shares:
    """A run that shares answer one after the other, in this process."""

    def __init__(self, path: Path) -> None:
        self.data = write_data(path / "data", questions=96, images=24)
        self.task = small_task(path)
        self.path = path
        self.run = RunDirectory(path / "run")

    def answer(self, number: int, of: int, model: Asked | None = None, **settings: Any) -> TaskResult | Unfinished:
        """Does the share with this number, from 1."""
        model = model or Asked(in_batches, batch_size=2, reads_images=True)
        changed = Settings(self.data, shard=Shard(number - 1, of), **settings)
        return take_part(self.task, model, self.run, changed)

    def records(self) -> list[Record]:
        return [record for path in self.run.record_files("small") for record in read_records(path)]

    def files(self) -> dict[str, bytes]:
        found = {path.name: path.read_bytes() for path in (self.run.path / "small").iterdir() if path.is_file()}
        assert set(found) == {"records.jsonl", "result.json", ".lock"}, sorted(found)
        return {name: found[name] for name in ("records.jsonl", "result.json")}

    @contextmanager
    def at_work(self, number: int, of: int, **changes: Any) -> Iterator[Attendance]:
        plan = replace(Plan(self.task.digest, "d1", of, None, 96, reads_images=True, batch_size=2), **changes)
        with Attendance(self.run, "small", Shard(number - 1, of), plan) as part:
            yield part


@pytest.fixture
def shares(tmp_path: Path) -> Shares:
    return Shares(tmp_path)


@pytest.fixture
def quiet(tmp_path: Path) -> dict[str, bytes]:
    """The files of a run of one process that nothing disturbed."""
    alone = Shares(tmp_path / "quiet")
    assert isinstance(alone.answer(1, 1), TaskResult)
    return alone.files()


@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_any_number_of_shares_gives_the_same_bytes(shares: Shares, quiet: dict[str, bytes], count: int) -> None:
    images: list[set[str]] = []
    batches: list[list[str]] = []
    answered = 0
    for number in range(1, count + 1):
        assert shares.run.is_finished("small") == (answered == 96)
        model = Asked(in_batches, batch_size=2, reads_images=True)
        end = shares.answer(number, count, model)
        images.append({str(int(sample_id) % 24) for sample_id in model.ids})
        batches += model.batches
        answered += len(model.ids)
        assert isinstance(end, TaskResult) == (answered == 96 and (bool(model.ids) or number == count))
    assert sum(map(len, images)) == len(set.union(*images)) == 24, "an image was asked about by two"
    alone = Asked(in_batches, batch_size=2, reads_images=True)
    Shares(shares.path / "alone").answer(1, 1, alone)
    assert sorted(batches) == sorted(alone.batches)
    assert shares.files() == quiet
    assert len(list(shares.run.previews("small").iterdir())) == 24


def test_a_share_that_died_is_finished_by_any_number(shares: Shares, quiet: dict[str, bytes]) -> None:
    for number in (1, 3):
        end = shares.answer(number, 3)
        assert end == Unfinished("small", 96 - len(shares.records()))
    left = 96 - len(shares.records())
    model = Asked(in_batches, batch_size=2, reads_images=True)
    for number in range(1, 6):
        shares.answer(number, 5, model)
    assert len(model.ids) == left > 0
    assert shares.files() == quiet


@pytest.mark.parametrize("tear", [b"", b'{"key": "to', b"\0\0\0"])
def test_a_run_of_several_goes_on_with_one(shares: Shares, quiet: dict[str, bytes], tear: bytes) -> None:
    shares.answer(2, 3)
    with shares.run.records_path("small", Shard(1, 3)).open("ab") as file:
        file.write(tear)
    assert shares.run.unfinished() == ["small"]
    assert isinstance(shares.answer(1, 1), TaskResult)
    assert shares.files() == quiet


def test_a_finished_run_stands_until_all_shares_are_gone_through(shares: Shares, quiet: dict[str, bytes]) -> None:
    shares.answer(1, 1)
    shares.run.write_result(replace(shares.run.result("small"), title="to be written anew"))
    for number in (1, 2):
        model = Asked(in_batches, batch_size=2, reads_images=True)
        end = shares.answer(number, 2, model)
        assert model.batches == []
        assert end == Unfinished("small") if number == 1 else isinstance(end, TaskResult)
        shares.files()  # a process that came late leaves no empty file behind
        assert shares.run.is_finished("small")
    assert shares.files() == quiet


def test_whoever_is_not_the_last_leaves_the_closing_to_the_others(shares: Shares, quiet: dict[str, bytes]) -> None:
    shares.answer(1, 2)
    with shares.at_work(1, 2):
        assert shares.answer(2, 2) == Unfinished("small")
    assert not shares.run.is_finished("small")
    assert isinstance(shares.answer(1, 2), TaskResult)
    assert shares.files() == quiet


def test_failed_samples_are_asked_again_by_their_share(shares: Shares, quiet: dict[str, bytes]) -> None:
    bad = Asked(failing("5", "6"), batch_size=2, reads_images=True)
    shares.answer(1, 2, bad)
    first = shares.answer(2, 2, bad)
    assert isinstance(first, TaskResult)
    assert first.counts.failed == 2
    model = Asked(in_batches, batch_size=2, reads_images=True)
    ends = [shares.answer(number, 2, model) for number in (1, 2)]
    assert sorted(model.ids) == ["5", "6"]
    assert isinstance(ends[-1], TaskResult)
    assert ends[-1].counts.failed == 0


def test_a_defect_is_recorded_once_by_the_share_that_has_it(shares: Shares) -> None:
    (shares.data / "SMALL" / "Data" / "2.tif").unlink()
    for number in (1, 2, 1):
        shares.answer(number, 2)
    failed = [record for record in shares.records() if record.prediction.status == "failed"]
    assert sorted(record.sample_id for record in failed) == ["2", "26", "50", "74"]
    assert shares.run.is_finished("small"), "what is known already changes nothing"


def test_a_defect_in_the_meantime_does_not_keep_an_older_answer(shares: Shares) -> None:
    shares.answer(1, 1)
    (shares.data / "SMALL" / "Data" / "2.tif").unlink()
    for number in (1, 2):
        end = shares.answer(number, 2)
    assert isinstance(end, TaskResult)
    assert end.counts.failed == 4


def test_answers_under_an_earlier_prompt_are_not_taken_for_answers(shares: Shares) -> None:
    for number in (1, 2):
        shares.answer(number, 2)
    shares.task = small_task(shares.path, prompt="{{ question }} Say yes or no.")
    assert shares.answer(1, 2) == Unfinished("small", 48)
    assert isinstance(shares.answer(2, 2), TaskResult)


def test_a_limit_takes_the_first_samples_of_all(shares: Shares) -> None:
    model = Asked(in_batches, batch_size=2, reads_images=True)
    for number in (1, 2):
        end = shares.answer(number, 2, model, limit=50)
    assert sorted(map(int, model.ids)) == list(range(50))
    assert isinstance(end, TaskResult)
    assert end.limit == 50
    with pytest.raises(ConfigurationError, match="holds more answers to task small than the first 40"):
        shares.answer(1, 2, limit=40)


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        ((1, 2, {}), (1, 2, {}), r"records.1-of-2.jsonl. Wait for it, end it"),
        ((1, 2, {}), (2, 3, {}), r"records.1-of-2.jsonl with processes 2 \(here: 3\): processes that share a folder"),
        ((1, 2, {}), (1, 1, {}), r"records.1-of-2.jsonl with processes 2 \(here: 1\)"),
        ((1, 1, {}), (1, 2, {}), r"records.jsonl with processes 1 \(here: 2\)"),
        ((1, 2, {}), (2, 2, {"limit": 96}), r"with limit None \(here: 96\)"),
        ((1, 2, {"task": "t0"}), (2, 2, {}), r"with task t0 \(here: \w+\)"),
        ((1, 2, {"samples": 95}), (2, 2, {}), r"with samples 95 \(here: 96\)"),
        ((1, 2, {"batch_size": 3}), (2, 2, {}), r"with batch_size 3 \(here: 2\)"),
    ],
)
def test_another_command_in_the_same_folder_is_refused(
    shares: Shares, there: tuple[int, int, dict[str, Any]], here: tuple[int, int, dict[str, Any]], words: str
) -> None:
    *share, changes = there
    *own, settings = here
    with (
        shares.at_work(*share, **changes),
        pytest.raises(ConfigurationError, match="another process is writing .*" + words),
    ):
        shares.answer(*own, **settings)
    assert shares.records() == []
    shares.answer(*own, **settings)
    assert shares.records() != []


def test_a_lock_file_that_a_kill_has_torn_is_as_good_as_none(shares: Shares, quiet: dict[str, bytes]) -> None:
    shares.answer(1, 2)
    (shares.run.path / "small" / ".lock").write_bytes(b'{"plan": {"ta')
    assert isinstance(shares.answer(2, 2), TaskResult)
    assert shares.files() == quiet


def test_what_a_kill_left_of_an_earlier_closing_goes(shares: Shares, quiet: dict[str, bytes]) -> None:
    shares.answer(1, 2)
    (shares.run.path / "small" / ".records.jsonl.1.tmp").write_bytes(b"half")
    shares.answer(2, 2)
    assert shares.files() == quiet


def test_the_settings_of_a_process_of_its_own_name_no_others() -> None:
    assert Settings(Path()).shard == ALONE


class Commands:
    """Two tasks over enough questions for two shares of a baseline, and commands over them in this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        write_data(path / "data", questions=2100, images=300)
        other = write_task(path).read_text().replace("name: small", "name: other")
        (path / "other.yaml").write_text(other)

    def run(self, *options: str) -> Result:
        tasks = f"{self.path / 'small.yaml'},{self.path / 'other.yaml'}"
        places = ["--data-dir", str(self.path / "data"), "--output", str(self.path / "run")]
        result = CliRunner().invoke(main, ["--tasks", tasks, "--model", "baseline:constant", *places, *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return Commands(tmp_path)


def test_the_closer_of_the_last_task_prints_all(commands: Commands) -> None:
    first = commands.run("--shard", "1/2")
    assert (first.exit_code, first.stdout) == (0, "")
    for task in ("small", "other"):
        assert f"{task}: this process has done its share, and 308 samples of others have no record" in first.stderr
    second = commands.run("--shard", "2/2")
    assert second.exit_code == 0
    assert "small: 2100 samples" in second.stdout
    assert "other: 2100 samples" in second.stdout


def test_an_earlier_task_that_cannot_be_closed_is_no_success(commands: Commands) -> None:
    commands.run("--shard", "1/2")
    (commands.path / "run" / "small" / "records.1-of-2.jsonl").unlink()
    second = commands.run("--shard", "2/2")
    assert second.exit_code == 3
    assert "small: this process has done its share, and 1792 samples of others have no record" in second.stderr
    assert "small: 2100 samples" not in second.stdout
    assert "other: 2100 samples" in second.stdout
    assert commands.run("--shard", "1/1").exit_code == 0


def test_the_environment_says_which_share_and_which_card(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert commands.run().exit_code == 0
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6"
    assert (commands.path / "run" / "small" / "records.2-of-2.jsonl").is_file()
    monkeypatch.setenv("RANK", "2")
    refused = commands.run()
    assert refused.exit_code == 2
    assert "the environment says RANK=2, WORLD_SIZE=2" in refused.stderr


def test_a_typed_device_hides_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    for option in ("device", "device_map"):
        see_one_card(Shard(1, 2, 1), {option: "auto"})
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,6"


def test_only_the_first_share_draws_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    for shard, words in ((Shard(0, 8), "small, share 1 of 8"), (Shard(1, 8), ""), (ALONE, "small")):
        with task_progress(shard) as progress:
            progress("small", 3, 3)
        said = capsys.readouterr().err
        assert words in said if words else not said


# Real processes from here on.


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_two_processes_at_once_and_a_killed_one(place: Place) -> None:
    victim = place.start(place.command("run", "--model-option", "pause=0.5"), 0, 2)
    await_records(place, "run", 0, Shard(0, 2))
    other = place.start(place.command("run", "--model-option", "pause=0.05"), 1, 2)
    await_records(place, "run", 2, Shard(0, 2))
    kill(victim)
    out, said = other.communicate(timeout=60)
    assert (other.returncode, out) == (0, "")
    kept = len(place.records("run"))
    assert f"{96 - kept} samples of others have no record yet. Their processes close the task" in said.replace(
        "\n", " "
    )
    ended = place.run("run", "--model-option", "pause=0.05", count=3)
    assert [code for code, _, _ in ended] == [0, 0, 0], ended
    assert any("oa" in out for _, out, _ in ended)
    ((code, _, said),) = place.run("quiet")
    assert code == 0, said
    assert place.files("run") == place.files("quiet")


def test_failed_samples_are_told_by_the_closer_alone(place: Place) -> None:
    ended = place.run("run", "--model-option", "refused=5+6", "--model-option", "pause=0.02", count=2)
    assert sorted(code for code, _, _ in ended) == [0, 3], ended
    assert sum("2 of 96 samples failed" in said for _, _, said in ended) == 1
    assert orjson.loads(place.files("run")["result.json"])["counts"]["failed"] == 2


def test_another_model_and_another_command_in_the_same_folder_are_refused(place: Place) -> None:
    at_work = place.start(place.command("run", "--model-option", "pause=60"), 0, 2)
    await_records(place, "run", 0, Shard(0, 2))
    ((another, _, said),) = place.run("run", "--shard", "2/2", model="steady:another")
    ((alone, _, refused),) = place.run("run")
    kill(at_work)
    assert (another, alone) == (2, 2)
    assert "holds the answers of steady (digest s1), and this is steady (digest another)" in said
    assert "another process is writing" in refused
