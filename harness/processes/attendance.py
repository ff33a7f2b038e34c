"""Who is at work on a task: processes that share nothing but a folder find out by locks that go with a process.

Each process holds a lock on the file that it appends to. The task's file `.lock` is held only while a process comes or
goes; it says what those at work have agreed on and who has done its share. Whoever goes and finds no other lock held is
the last for now, and keeps the others out while it closes the task. However a process ends, the system lets go of its
locks: nothing is left over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import pydantic

from harness.errors import ConfigurationError
from harness.processes.shards import Shard
from harness.store import LOCK_FILE, RecordLog, RunDirectory, exclusive, is_written


@dataclass(frozen=True)
class Plan:
    """What processes that work on a task at the same time have agreed on, without a word.

    Attributes:
        task: the digest of the task.
        model: the model's digest.
        processes: how many there are.
        limit: how many samples are asked at most; None for all.
        samples: how many there are.
        reads_images: whether the images' bytes are part of a response's key.
        batch_size: questions that the model is asked at a time, by which shares are cut.
    """

    task: str
    model: str
    processes: int
    limit: int | None
    samples: int
    reads_images: bool
    batch_size: int

    def differences(self, other: "Plan") -> str:
        """Returns in words what another plan has otherwise."""
        names = [field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name)]
        return ", ".join(f"{name} {getattr(other, name)} (here: {getattr(self, name)})" for name in names)


@dataclass(frozen=True)
class Round:
    """What the file `.lock` says.

    Attributes:
        plan: what those at work have agreed on.
        done: the processes, from 0, that have done their shares since the task was closed.
    """

    plan: Plan
    done: frozenset[int] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether each of the processes has done its share."""
        return len(self.done) == self.plan.processes


@dataclass(frozen=True)
class Parting:
    """How a process finds the task when it goes.

    Attributes:
        others: whether another process is still at work.
        complete: whether each of the processes has done its share since the task was closed.
    """

    others: bool
    complete: bool


class Attendance:
    """One process's part in a task, from its coming to its going.

    Args:
        run: the run.
        task: the task's name.
        shard: which process this is.
        plan: what it is about to do.

    Attributes:
        log: the file that it appends to.
    """

    def __init__(self, run: RunDirectory, task: str, shard: Shard, plan: Plan) -> None:
        self._run, self._task, self._shard, self._plan = run, task, shard, plan
        self.log = RecordLog(run.records_path(task, shard))

    def __enter__(self) -> Self:
        """Comes to work.

        Raises:
            ConfigurationError: another process appends to this one's file, or others are at work on something else.
        """
        with exclusive(self._lock_file) as lock:
            at_work = _at_work(self._run, self._task, besides=self.log.path)
            round_ = _read(lock)
            if round_ is None or round_.plan != self._plan:
                if at_work:
                    self._refuse(at_work[0], round_)
                round_ = Round(self._plan)
            self.log.__enter__()
            _write(lock, replace(round_, done=round_.done - {self._shard.index}))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.__exit__(kind, error, trace)

    @contextmanager
    def going(self) -> Iterator[Parting]:
        """Ends this process's part, says how it finds the task, and lets nobody come or go meanwhile.

        Where all have done their shares and nobody is at work, the task is taken to be closed inside.
        """
        with exclusive(self._lock_file) as lock:
            self.log.release()
            if not self._shard.alone and not self.log.path.stat().st_size:
                self.log.path.unlink()  # of a process that had nothing to ask: a finished task needs no such file
            round_ = _read(lock) or Round(self._plan)
            round_ = replace(round_, done=round_.done | {self._shard.index})
            _write(lock, round_)
            others = bool(_at_work(self._run, self._task, besides=self.log.path))
            yield Parting(others, round_.complete)
            if round_.complete and not others:
                _write(lock, Round(self._plan))

    @property
    def _lock_file(self) -> Path:
        return self._run.path / self._task / LOCK_FILE

    def _refuse(self, path: Path, agreed: Round | None) -> None:
        said = f" with {self._plan.differences(agreed.plan)}" if agreed else ""
        raise ConfigurationError(
            f"another process is writing {path}{said}: processes that share a folder need the same command. Wait for "
            "it, end it, or name another folder with --output."
        )


@contextmanager
def nobody_at_work(run: RunDirectory, task: str) -> Iterator[Plan | None]:
    """Gives what was last agreed on, and lets nobody come meanwhile; None where no process says so.

    Raises:
        ConfigurationError: a process is at work.
    """
    with exclusive(run.path / task / LOCK_FILE) as lock:
        if at_work := _at_work(run, task):
            raise ConfigurationError(
                f"another process is writing {at_work[0]}. Wait for it: whoever is last at work closes task {task} by "
                "itself."
            )
        round_ = _read(lock)
        yield round_.plan if round_ else None
        if round_:
            _write(lock, Round(round_.plan))


def _at_work(run: RunDirectory, task: str, besides: Path | None = None) -> list[Path]:
    return [path for path in run.record_files(task) if path != besides and path.exists() and is_written(path)]


def _read(lock: BinaryIO) -> Round | None:
    lock.seek(0)
    try:
        return pydantic.TypeAdapter(Round).validate_json(lock.read())
    except pydantic.ValidationError:
        return None  # of a process that was killed at its very first step


def _write(lock: BinaryIO, round_: Round) -> None:
    lock.truncate(0)
    lock.write(pydantic.TypeAdapter(Round).dump_json(round_) + b"\n")
    lock.flush()
