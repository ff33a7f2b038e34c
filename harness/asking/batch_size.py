"""How many questions a model is asked at a time: as typed, or found by measuring, and then kept in the run's folder.

Batches are cut from all of a task's samples, so that a run that was interrupted, or is shared by several processes,
asks the same batches. Their size is therefore found once, before anything is asked, and never changed afterwards.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import pydantic

from harness.errors import DataError
from harness.interfaces import GrowingModel, Model
from harness.models.room import Room
from harness.records import Request, Response
from harness.store import RunDirectory, exclusive, write_atomically

SIZE_FILE = "batch_size.json"
#: How many times as fast a batch of twice the size must be to be worth it.
GAIN = 1.1
#: A size is tried where a task has this many times as many questions, so that trials cost a sixteenth at most.
QUESTIONS_PER_TRIED = 64
#: Two batches of a size are timed, of questions that were not asked before.
BATCHES_TIMED = 2

Ask = Callable[[Sequence[Request]], Sequence[Response]]


@dataclass(frozen=True)
class Trial:
    """What was measured of one size.

    Attributes:
        size: requests at a time.
        samples_per_second: how many were answered, by the clock on the wall.
    """

    size: int
    samples_per_second: float


@dataclass(frozen=True)
class BatchSize:
    """What `batch_size.json` says.

    Attributes:
        size: samples that batches are cut to.
        fits: the most that went into memory; what was tried with more did not.
        limit: how many samples of the task were asked at most when this was found; None for all.
        trials: what was measured; nothing where the size was given, or the task is too small.
        broke_off: what the model raised that ended the trials early; None where it answered all of them.
    """

    size: int
    fits: int
    limit: int | None = None
    trials: tuple[Trial, ...] = ()
    broke_off: str | None = None


def settle(
    run: RunDirectory, task: str, model: Model, requests: Callable[[int], list[Request]], limit: int | None
) -> BatchSize:
    """Returns the size of a task's batches: as typed, as kept in the run, or found now and kept.

    Of several processes the first to come finds it, and the others wait for it.

    Args:
        run: the run.
        task: the task's name.
        model: who is asked.
        requests: gives at most so many of what will be asked, in order.
        limit: how many samples are asked at most.

    Raises:
        DataError: the kept file is damaged.
    """
    largest = model.largest_batch if isinstance(model, GrowingModel) else model.batch_size
    path = run.path / task / SIZE_FILE
    if largest <= model.batch_size:
        kept = _read(path)
        return BatchSize(model.batch_size, min(model.batch_size, kept.fits if kept else model.batch_size), limit)
    with exclusive(run.path / task / f".{SIZE_FILE}"):
        kept = _read(path)
        if kept and kept.limit == limit:
            return kept
        if not kept and any(file.exists() for file in run.record_files(task)):
            return BatchSize(model.batch_size, model.batch_size, limit)  # begun before sizes were found
        asked = requests(QUESTIONS_PER_TRIED * largest)
        found = measure(model.respond, asked, model.batch_size, min(largest, len(asked) // QUESTIONS_PER_TRIED))
        found = replace(found, limit=limit)
        _write(path, found)
        return found


def keep_what_fits(run: RunDirectory, task: str, size: BatchSize, fits: int) -> None:
    """Notes that memory did not suffice for more, so that a later process does not try it again."""
    path = run.path / task / SIZE_FILE
    with exclusive(run.path / task / f".{SIZE_FILE}"):
        kept = _read(path) or size
        _write(path, replace(kept, fits=min(kept.fits, fits)))


def measure(ask: Ask, requests: Sequence[Request], start: int, largest: int) -> BatchSize:
    """Returns the size that is grown to as long as it pays: each twice the one before.

    The answers are thrown away: those that count are given in batches of the size that is found here.

    Args:
        ask: answers requests.
        requests: from the front of what will be asked; none is asked twice.
        start: the size to begin with.
        largest: the largest size to try.
    """
    if largest < 2 * start:
        return BatchSize(start, start)
    room, feed, clock = Room(largest), iter(requests), time.perf_counter

    def timed(size: int) -> Trial:
        begun = clock()
        for _ in range(BATCHES_TIMED):
            room.answer(list(islice(feed, size)), lambda part: list(ask(part)))
        return Trial(size, BATCHES_TIMED * size / (clock() - begun))

    trials: list[Trial] = []
    broke_off = None
    try:
        room.answer(list(islice(feed, start)), lambda part: list(ask(part)))  # the first batch is always slow
        trials.append(timed(start))
        while 2 * trials[-1].size <= min(largest, room.size):
            trials.append(timed(2 * trials[-1].size))
            if trials[-1].samples_per_second < GAIN * trials[-2].samples_per_second:
                break
    except Exception as error:  # noqa: BLE001 - a model may raise anything, and does again when it is asked in earnest
        broke_off = f"{type(error).__name__}: {error}"
    size = _best(trials, start)
    return BatchSize(size, min(size, room.size), trials=tuple(trials), broke_off=broke_off)


def _best(trials: Sequence[Trial], start: int) -> int:
    """The last size that was worth it."""
    size = start
    for before, after in pairwise(trials):
        if after.samples_per_second >= GAIN * before.samples_per_second:
            size = after.size
    return size


def _read(path: Path) -> BatchSize | None:
    try:
        return pydantic.TypeAdapter(BatchSize).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except pydantic.ValidationError as error:
        raise DataError(
            f"{path} is damaged ({error.errors()[0]['msg']}). Remove it and run the same command again."
        ) from error


def _write(path: Path, size: BatchSize) -> None:
    write_atomically(path, pydantic.TypeAdapter(BatchSize).dump_json(size, indent=2) + b"\n")
