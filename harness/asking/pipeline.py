"""Three things at a time: while a model answers, the next batch's images are read and the last answers recorded."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, pairwise
from typing import TypeVar

Batch = TypeVar("Batch")
Answers = TypeVar("Answers")


def pipelined(
    batches: Iterable[Batch],
    *,
    read_ahead: Callable[[Batch], None],
    answer: Callable[[Batch], Iterable[Answers]],
    finish: Callable[[Answers], None],
) -> None:
    """Passes batches through three stages, each in a thread of its own and one batch at a time, in order.

    A stage waits for the one behind it: at most one batch is read ahead, and one is being finished. However this ends,
    what is being finished is finished.

    Args:
        batches: what is to be answered; taken one ahead.
        read_ahead: reads what a batch needs; every batch but the first, while the one before it is answered.
        answer: answers a batch, in parts if it likes; called in the caller's own thread.
        finish: takes each part, in order, while the next one is answered.

    Raises:
        Exception: what a stage raises.
    """
    with ThreadPoolExecutor(1, "read-ahead") as reader, ThreadPoolExecutor(1, "finish") as finisher:
        reading: Future[None] | None = None
        finishing: Future[None] | None = None
        for batch, following in pairwise(chain(map(_given, batches), [()])):
            if reading:
                reading.result()
            reading = reader.submit(read_ahead, following[0]) if following else None
            for answers in answer(*batch):
                if finishing:
                    finishing.result()
                finishing = finisher.submit(finish, answers)
        if finishing:
            finishing.result()


def _given(batch: Batch) -> tuple[Batch]:
    """A batch that is there: the end of all batches is the empty tuple."""
    return (batch,)
