"""Results come as calls end, and nobody waits for those that nobody wants."""

import threading
import time

from harness.endpoints.threads import as_they_come


def test_results_come_in_the_order_in_which_the_calls_end() -> None:
    gate = threading.Event()

    def call(number: int) -> int:
        if number == 0:
            assert gate.wait(5)
        return number * number

    seen = []
    for index, result in as_they_come(call, range(4), 2):
        seen.append((index, result))
        if len(seen) == 3:
            gate.set()
    assert seen == [(1, 1), (2, 4), (3, 9), (0, 0)]


def test_what_a_call_raises_is_its_result() -> None:
    ((index, result),) = as_they_come(int, ["x"], 4)
    assert index == 0
    assert isinstance(result, ValueError)


def test_no_more_than_wanted_run_at_a_time() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def call(number: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    assert len(list(as_they_come(call, range(12), 3))) == 12
    assert most == 3


def test_who_leaves_early_waits_for_nobody_and_nothing_more_begins() -> None:
    gate, begun = threading.Event(), []

    def call(number: int) -> int:
        begun.append(number)
        if number:
            gate.wait(30)
        return number

    results = as_they_come(call, range(50), 2)
    began = time.monotonic()
    assert next(results) == (0, 0)
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 5
    gate.set()
    time.sleep(0.05)
    assert len(begun) <= 3
