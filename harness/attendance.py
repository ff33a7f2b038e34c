"""Who is at work on a task: processes that share nothing but a folder find out by locks that go with a process.

Each process holds a lock on the file that it appends to. The task's file `.lock` is held only while a process comes or
goes; it says what those at work have agreed on. Whoever goes and finds no other lock held is the last, and keeps the
others out while it closes the task. However a process ends, the system lets go of its locks: nothing is left over.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import orjson
import pydantic

from harness.errors import ConfigurationError
from harness.shards import Shard
from harness.store import RecordLog, RunDirectory, is_written

LOCK_FILE = ".lock"


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
    """

    task: str
    model: str
    processes: int
    limit: int | None
    samples: int
    reads_images: bool

    def differences(self, other: "Plan") -> str:
        """Returns in words what another plan has otherwise."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return ", ".join(
            f"{name.replace('_', ' ')} {theirs} and not {ours}" for name, ours, theirs in pairs if ours != theirs
        )


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
        with turn(self._run, self._task) as lock:
            at_work = _at_work(self._run, self._task, besides=self.log.path)
            agreed = _read(lock)
            if at_work and agreed != self._plan:
                self._refuse(at_work[0], agreed)
            self.log.__enter__()
            _write(lock, self._plan)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.__exit__(kind, error, trace)

    @contextmanager
    def going(self) -> Iterator[bool]:
        """Ends this process's part; gives whether nobody else is at work, and lets nobody come meanwhile."""
        with turn(self._run, self._task):
            self.log.release()
            yield not _at_work(self._run, self._task, besides=self.log.path)

    def _refuse(self, path: Path, agreed: Plan | None) -> None:
        said = f" with {self._plan.differences(agreed)}" if agreed else ""
        raise ConfigurationError(
            f"another process is writing {path}{said}: processes that share a folder need the same command. Wait for "
            "it, end it, or name another folder with --output."
        )


@contextmanager
def turn(run: RunDirectory, task: str) -> Iterator[BinaryIO]:
    """Gives the open lock file of a task once no other process comes, goes or closes the task."""
    path = run.path / task / LOCK_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


@contextmanager
def nobody_at_work(run: RunDirectory, task: str) -> Iterator[Plan | None]:
    """Gives what was last agreed on, and lets nobody come meanwhile; None where no process says so.

    Raises:
        ConfigurationError: a process is at work.
    """
    with turn(run, task) as lock:
        if at_work := _at_work(run, task):
            raise ConfigurationError(
                f"another process is writing {at_work[0]}. Wait for it: whoever is last at work closes task {task} by "
                "itself."
            )
        yield _read(lock)


def _at_work(run: RunDirectory, task: str, besides: Path | None = None) -> list[Path]:
    return [path for path in run.record_files(task) if path != besides and path.exists() and is_written(path)]


def _read(lock: BinaryIO) -> Plan | None:
    lock.seek(0)
    try:
        return pydantic.TypeAdapter(Plan).validate_json(lock.read())
    except pydantic.ValidationError:
        return None  # of a process that was killed at its very first step


def _write(lock: BinaryIO, plan: Plan) -> None:
    lock.truncate(0)
    lock.write(orjson.dumps(plan, option=orjson.OPT_APPEND_NEWLINE))
    lock.flush()
