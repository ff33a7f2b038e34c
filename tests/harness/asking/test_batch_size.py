"""The batch size: grown while it pays, halved where memory does not suffice, kept in the run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.asking import batch_size
from harness.asking.asker import Asker
from harness.asking.batch_size import BatchSize, Trial, measure, settle
from harness.errors import DataError
from harness.evaluate import evaluate
from harness.models.room import Room
from harness.records import Request, Response
from harness.settings import Settings
from harness.store import RunDirectory
from tests.harness.small_data import small_task, write_data


def requests(count: int) -> list[Request]:
    return [Request(str(number), (), "what ?", "vqa", {}) for number in range(count)]


class Clock:
    """A clock that stands unless a machine works: a batch costs a fixed time and a time a sample, up to its cores."""

    def __init__(self, cores: int = 64, memory: int = 10**6) -> None:
        self.now, self.cores, self.memory = 0.0, cores, memory
        self.batches: list[int] = []
        self.asked: list[str] = []

    def perf_counter(self) -> float:
        return self.now

    def respond(self, batch: Sequence[Request]) -> list[Response]:
        self.batches.append(len(batch))
        if len(batch) > self.memory:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        self.asked += [request.sample_id for request in batch]
        self.now += max(1.0, len(batch) / self.cores)
        return [Response(text="yes") for _ in batch]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(batch_size, "time", SimpleNamespace(perf_counter=lambda: found.now))
    return found


def test_it_grows_while_that_pays(clock: Clock) -> None:
    found = measure(clock.respond, requests(1000), start=8, largest=256)
    assert found == BatchSize(64, 64, trials=(Trial(8, 8), Trial(16, 16), Trial(32, 32), Trial(64, 64), Trial(128, 64)))
    assert clock.batches == [8, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128]
    assert len(set(clock.asked)) == len(clock.asked), "no question is asked twice, an image may be remembered"


def test_it_stays_where_growing_does_not_pay(clock: Clock) -> None:
    clock.cores = 8
    assert measure(clock.respond, requests(1000), start=8, largest=256).size == 8


def test_it_is_no_larger_than_is_worth_trying(clock: Clock) -> None:
    assert measure(clock.respond, requests(1000), start=8, largest=32).size == 32
    assert measure(clock.respond, requests(1000), start=8, largest=8) == BatchSize(8, 8)


def test_it_is_no_larger_than_memory(clock: Clock) -> None:
    clock.memory = 20
    found = measure(clock.respond, requests(1000), start=8, largest=256)
    assert (found.size, found.fits) == (16, 16)


def test_a_size_to_begin_with_that_does_not_fit_is_halved(clock: Clock) -> None:
    clock.memory = 3
    found = measure(clock.respond, requests(1000), start=8, largest=256)
    assert (found.size, found.fits) == (8, 2)


def test_a_sample_that_fails_ends_the_trials_and_not_the_run(clock: Clock) -> None:
    def respond(batch: Sequence[Request]) -> list[Response]:
        if any(request.sample_id == "60" for request in batch):
            raise ValueError("a torn image")
        return clock.respond(batch)

    found = measure(respond, requests(1000), start=8, largest=256)
    assert (found.size, found.broke_off) == (16, "ValueError: a torn image")
    assert measure(clock.respond, requests(1000), start=8, largest=256).broke_off is None


def test_one_request_that_is_too_large_says_nothing_of_others() -> None:
    room = Room(8)

    def ask(batch: Sequence[Request]) -> list[Response]:
        if any(request.sample_id == "3" for request in batch):
            raise MemoryError
        return [Response(text="yes") for _ in batch]

    learnt: list[int] = []
    model: Any = SimpleNamespace(respond=ask)
    asker = Asker(model, 8, learnt.append)
    works: list[Any] = [SimpleNamespace(request=request) for request in requests(8)]
    outcomes = [outcome for part in asker.ask(works) for _, outcome in part]
    failed = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, str)]
    assert (failed, learnt, room.size) == ([3], [], 8)
    assert "one request does not fit into memory" in str(outcomes[3])


@dataclass
class Growing:
    """A model that is faster with larger batches: each costs the same time."""

    memory: int = 10**6
    batch_size: int = 2
    largest_batch: int = 8
    reads_images: bool = False
    digest: str = "d1"
    name: str = "growing"
    settings: Mapping[str, str] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)

    def respond(self, batch: Sequence[Request]) -> list[Response]:
        self.batches.append([request.sample_id for request in batch])
        if len(batch) > self.memory:
            raise RuntimeError("out of memory")
        return [Response(text="yes") for _ in batch]

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


class Folder:
    """A data set of 200 questions, its task and a run."""

    def __init__(self, path: Path) -> None:
        self.data = write_data(path / "data", questions=200, images=10)
        self.task = small_task(path)
        self.run = RunDirectory(path / "run")
        self.model = Growing()

    def now(self) -> float:
        """A clock that goes on by one with each batch."""
        return float(len(self.model.batches))

    def ask(self, model: Growing, limit: int | None = None) -> Growing:
        settings = Settings(self.data, limit=limit)
        self.model = model
        evaluate(self.task, model, self.run, settings)
        return model

    @property
    def kept(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.run.path / "small" / "batch_size.json").read_text())
        return found

    def lose(self, records: int) -> None:
        """Leaves the run as a kill does that comes after some records."""
        log = self.run.records_path("small")
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:records]))
        self.run.reopen_task("small")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(batch_size, "QUESTIONS_PER_TRIED", 8)
    found = Folder(tmp_path)
    monkeypatch.setattr(batch_size, "time", SimpleNamespace(perf_counter=found.now))
    return found


def test_the_size_found_is_kept_and_an_interrupted_run_asks_the_same_batches(folder: Folder) -> None:
    first = folder.ask(Growing())
    trials, asked = first.batches[:7], first.batches[7:]
    assert [len(batch) for batch in trials] == [2, 2, 2, 4, 4, 8, 8]
    assert folder.kept["size"] == 8
    assert max(map(len, asked)) == 8
    folder.lose(records=100)
    again = folder.ask(Growing(largest_batch=64)).batches
    assert all(any(set(batch) <= set(whole) for whole in asked) for batch in again), "the same batches, or what is left"
    assert sum(map(len, again)) == 100


def test_another_limit_is_another_set_of_batches(folder: Folder) -> None:
    assert max(folder.ask(Growing(), limit=6).sizes) == 2, "too few questions for a trial"
    assert max(folder.ask(Growing()).sizes) == 8
    assert folder.kept["limit"] is None


def test_a_size_that_was_typed_is_not_changed(folder: Folder) -> None:
    model = folder.ask(Growing(batch_size=4, largest_batch=4))
    assert sum(model.sizes) == 200, "nothing is tried"
    assert max(model.sizes) == 4
    assert not (folder.run.path / "small" / "batch_size.json").exists()


def test_a_run_that_was_begun_before_sizes_were_found_keeps_its_own(folder: Folder) -> None:
    folder.ask(Growing(largest_batch=2))
    folder.lose(records=150)
    model = folder.ask(Growing())
    assert (sum(model.sizes), max(model.sizes)) == (50, 2)


def test_what_does_not_fit_is_halved_and_not_tried_again(folder: Folder) -> None:
    first = folder.ask(Growing(memory=5, batch_size=16, largest_batch=16))
    assert first.sizes[:3] == [16, 8, 4]
    assert set(first.sizes[3:]) <= {1, 2, 3, 4}
    assert folder.kept["fits"] == 4
    folder.lose(records=100)
    assert max(folder.ask(Growing(memory=5, batch_size=16, largest_batch=16)).sizes) == 4


def test_a_damaged_file_is_named(folder: Folder) -> None:
    path = folder.run.path / "small" / "batch_size.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"size": "many"}')
    with pytest.raises(DataError, match=r"batch_size.json is damaged \(.*\). Remove it and run the same command again"):
        settle(folder.run, "small", Growing(), requests, None)
