"""Stages that overlap: in order, one batch ahead and one behind, and nothing lost however they end."""

import threading
from collections.abc import Callable, Iterator

import pytest

from harness.asking.pipeline import pipelined


class Stages:
    """Three stages that note what they do, in which thread, and wait for what they are told to."""

    def __init__(self) -> None:
        self.ahead: list[int] = []
        self.finished: list[int] = []
        self.threads: dict[str, set[int]] = {"ahead": set(), "answer": set(), "finish": set()}
        self.during: Callable[[int], None] = lambda batch: None
        self.before_finishing: Callable[[int], None] = lambda answers: None

    def read_ahead(self, batch: int) -> None:
        self.threads["ahead"].add(threading.get_ident())
        self.ahead.append(batch)

    def answer(self, batch: int) -> Iterator[int]:
        self.threads["answer"].add(threading.get_ident())
        self.during(batch)
        yield 10 * batch
        yield 10 * batch + 1

    def finish(self, answers: int) -> None:
        self.threads["finish"].add(threading.get_ident())
        self.before_finishing(answers)
        self.finished.append(answers)

    def run(self, batches: int) -> None:
        pipelined(range(batches), read_ahead=self.read_ahead, answer=self.answer, finish=self.finish)


def test_everything_passes_in_order_each_stage_in_its_own_thread() -> None:
    stages = Stages()
    stages.run(4)
    assert stages.ahead == [1, 2, 3]
    assert stages.finished == [0, 1, 10, 11, 20, 21, 30, 31]
    assert stages.threads["answer"] == {threading.get_ident()}
    assert len(set.union(*stages.threads.values())) == 3


@pytest.mark.parametrize("batches", [0, 1])
def test_there_need_not_be_anything_to_read_ahead(batches: int) -> None:
    stages = Stages()
    stages.run(batches)
    assert (stages.ahead, stages.finished) == ([], [0, 1][: 2 * batches])


def test_the_next_batch_is_read_and_the_last_one_finished_while_the_model_answers() -> None:
    stages = Stages()
    read, answering = threading.Event(), threading.Event()
    reading = stages.read_ahead

    def read_ahead(batch: int) -> None:
        reading(batch)
        read.set()

    def during(batch: int) -> None:
        if batch == 0:
            assert read.wait(20), "batch 1 is not read while batch 0 is answered"
        else:
            answering.set()

    def before_finishing(answers: int) -> None:
        if answers == 1:
            assert answering.wait(20), "batch 1 is not answered while batch 0 is finished"

    stages.during, stages.before_finishing = during, before_finishing
    pipelined(range(2), read_ahead=read_ahead, answer=stages.answer, finish=stages.finish)
    assert stages.finished == [0, 1, 10, 11]


def test_no_more_than_one_batch_is_read_ahead() -> None:
    stages = Stages()
    seen: list[int] = []
    stages.during = lambda batch: seen.append(max(stages.ahead, default=0) - batch)
    stages.run(6)
    assert max(seen) <= 1


def test_an_interrupted_model_loses_nothing_that_was_answered() -> None:
    stages = Stages()

    def during(batch: int) -> None:
        if batch == 2:
            raise KeyboardInterrupt

    stages.during = during
    with pytest.raises(KeyboardInterrupt):
        stages.run(4)
    assert stages.finished == [0, 1, 10, 11]


def test_what_cannot_be_finished_ends_it() -> None:
    stages = Stages()

    def before_finishing(answers: int) -> None:
        if answers == 1:
            raise OSError("no space left")

    stages.before_finishing = before_finishing
    with pytest.raises(OSError, match="no space left"):
        stages.run(50)
    assert stages.finished == [0]
