"""How many requests an endpoint is sent at a time, and when."""

import threading
import time
from collections.abc import Callable

import pytest

from harness.endpoints.pace import START, Pace, Stopped


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def under_way(pace: Pace, number: int) -> list[int]:
    return [pace.start() for _ in range(number)]


def waits(call: Callable[[], object], then: Callable[[], object]) -> float:
    """Seconds that a call waits in another thread, until something is done or by itself; fails when it never ends."""
    ended: list[float] = []
    began = time.monotonic()

    def work() -> None:
        try:
            call()
        finally:
            ended.append(time.monotonic() - began)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive(), "it did not wait at all"
    then()
    thread.join(5)
    return ended[0]


def test_it_begins_small_and_grows_by_one_a_round() -> None:
    pace = Pace(8)
    assert pace.limit == START
    for limit in (5, 6, 7, 8, 8):
        for _ in under_way(pace, pace.limit):
            pace.answered()
        # The share that is missing to a whole one is made up for by one more answer.
        pace.start()
        pace.answered()
        assert pace.limit == limit


def test_it_never_begins_above_what_is_wanted() -> None:
    assert Pace(1).limit == 1


def test_one_halving_a_round_however_many_fail() -> None:
    clock = Clock()
    pace = Pace(16, clock)
    rounds = under_way(pace, 4)
    for since in rounds:
        pace.overloaded(since)
    assert pace.limit == 2
    pace.overloaded(pace.start())
    pace.overloaded(pace.start())
    assert pace.limit == 1
    assert pace.failures_in_a_row == 6
    clock.now += 7
    assert pace.silence == 7
    pace.start()
    pace.answered()
    assert (pace.failures_in_a_row, pace.silence) == (0, 0)


def test_a_request_that_is_wrong_in_itself_changes_no_pace() -> None:
    pace = Pace(16)
    pace.start()
    pace.refused()
    assert (pace.limit, pace.failures_in_a_row) == (START, 1)


def test_no_more_than_the_limit_are_under_way() -> None:
    pace = Pace(2)
    under_way(pace, 2)
    waits(pace.start, pace.answered)


def test_after_retry_after_nobody_sends_before_its_time() -> None:
    clock = Clock()
    pace = Pace(4, clock)
    pace.overloaded(pace.start(), pause=30.0)

    def later() -> None:
        clock.now += 31
        pace.refused()  # wakes those who wait

    pace._under_way += 1  # the one that `later` ends
    waits(pace.start, later)


def test_retry_after_passes_by_itself() -> None:
    pace = Pace(4)
    pace.overloaded(pace.start(), pause=0.2)
    assert 0.15 < waits(pace.start, lambda: None) < 3


def test_whoever_waits_is_woken_at_the_end() -> None:
    pace = Pace(1)
    pace.start()
    stopped = []

    def rest() -> None:
        with pytest.raises(Stopped):
            pace.rest(60)
        stopped.append("rest")

    def start() -> None:
        with pytest.raises(Stopped):
            pace.start()
        stopped.append("start")

    waits(rest, lambda: waits(start, pace.stop))
    assert sorted(stopped) == ["rest", "start"]
