"""Calls from several threads whose results are had as they come."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def as_they_come(
    call: Callable[[Thing], Result], things: Sequence[Thing], at_once: int
) -> Iterator[tuple[int, Result | Exception]]:
    """Yields the index of each thing with what a call gave or raised, in the order in which the calls end.

    The threads do not keep the process alive: after Ctrl-C nobody waits for a server that hangs.

    Args:
        call: what is called, from several threads.
        things: what it is called with, each once.
        at_once: how many calls there are at a time.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    done: SimpleQueue[tuple[int, Result | Exception]] = SimpleQueue()
    for index in range(len(things)):
        waiting.put(index)
    left = threading.Event()

    def work() -> None:
        while not left.is_set():
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((index, call(things[index])))
            except Exception as error:  # noqa: BLE001 - handed to who waits for it
                done.put((index, error))

    for _ in range(min(at_once, len(things))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in things:
            yield done.get()
    finally:
        left.set()
