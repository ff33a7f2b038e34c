"""What models answered, kept by content and shared between runs: one SQLite file.

A damaged file is set aside under another name and a new one is begun. A cache never ends a run: when the disk is full,
answers are simply not kept any more.
"""

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson
import pydantic

from harness.cache.sqlite_file import open_shared_database
from harness.errors import ConfigurationError, EnvironmentProblem
from harness.records import Response

SUFFIXES = (".sqlite", ".sqlite3", ".db")
APPLICATION = 0x47505843  # "GPXC"; tells our files from those of other programs
LAYOUT = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, seal TEXT NOT NULL, model TEXT NOT NULL, digest TEXT NOT NULL, kept TEXT NOT NULL,
    response BLOB NOT NULL
) WITHOUT ROWID
"""
_READER = pydantic.TypeAdapter(Response)

Tell = Callable[[str], None]
Found = TypeVar("Found")
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Stock:
    """What is kept of one model.

    Attributes:
        model: its name.
        digest: its digest.
        entries: how many answers.
        size: their bytes.
        first: when the oldest was kept, ISO 8601 in UTC.
        last: when the newest was.
    """

    model: str
    digest: str
    entries: int
    size: int
    first: str
    last: str


class ResponseCache:
    """Answers by the sha256 of all they depend on; several processes may use it at once.

    Args:
        path: the file; made when absent.
        tell: is given what the user should know, a sentence each.

    Raises:
        ConfigurationError: the name is not that of a database, or the file is another program's.
        EnvironmentProblem: the file cannot be opened, or was made by a newer version.
    """

    def __init__(self, path: Path, tell: Tell = lambda words: None) -> None:
        self.path = path
        self._tell = tell
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._inode: int | None = None

    def __enter__(self) -> Self:
        if self.path.suffix not in SUFFIXES:
            raise ConfigurationError(
                f"--cache {self.path}: expected a file that ends in {', '.join(SUFFIXES)}, or on, or off."
            )
        try:
            self._open_or_set_aside()
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"the cache {self.path.absolute()} cannot be used: {error}. Name another file with --cache, or leave "
                "it out with --cache off."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def find(self, keys: Sequence[str]) -> dict[str, Response]:
        """Returns what is kept under the keys; an entry that is damaged is as good as none."""
        marks = ", ".join("?" * len(keys))
        query = f"SELECT key, seal, response FROM responses WHERE key IN ({marks})"  # noqa: S608 - question marks
        rows: Rows = self._done(lambda database: database.execute(query, tuple(keys)).fetchall(), [])
        read = {key: _read(key, seal, response) for key, seal, response in rows}
        return {key: response for key, response in read.items() if response is not None}

    def keep(self, model: str, digest: str, responses: Mapping[str, Response]) -> None:
        """Keeps answers under their keys."""
        kept = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [
            (key, _seal(key, content), model, digest, kept, content)
            for key, content in ((key, orjson.dumps(response)) for key, response in responses.items())
        ]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?)", rows)

        self._done(write, None)

    def stock(self) -> list[Stock]:
        """Returns what there is, a model each, those with the newest answers first."""
        query = (
            "SELECT model, digest, COUNT(*), SUM(LENGTH(response)), MIN(kept), MAX(kept) FROM responses "
            "GROUP BY model, digest ORDER BY MAX(kept) DESC, model, digest"
        )
        rows: Rows = self._done(lambda database: database.execute(query).fetchall(), [])
        return [Stock(*row) for row in rows]

    def prune(self, before: str | None = None, model: str | None = None) -> int:
        """Takes answers away and gives the space back; returns how many.

        Args:
            before: only those kept before this time, ISO 8601 in UTC.
            model: only those of the model of this name or digest.
        """
        query = "DELETE FROM responses WHERE kept < :before AND (:model IS NULL OR :model IN (model, digest))"

        def take(database: sqlite3.Connection) -> int:
            with database:
                gone = database.execute(query, {"before": before or "~", "model": model}).rowcount
            with contextlib.suppress(sqlite3.OperationalError):  # another process is using it; the space is used again
                database.execute("VACUUM")
            return gone

        return self._done(take, 0)

    def _done(self, what: Callable[[sqlite3.Connection], Found], otherwise: Found) -> Found:
        """Does something with the database; where that cannot be done, tells why and goes on without."""
        with self._lock:
            for _ in range(2):
                if self._database is None:
                    break
                try:
                    return what(self._database)
                except sqlite3.OperationalError as error:
                    self._give_up(error)
                except sqlite3.DatabaseError as error:
                    self._begin_anew(error)
        return otherwise

    def _give_up(self, error: Exception) -> None:
        self._leave()
        self._tell(f"The cache {self.path} is not used any more: {error}. The run goes on without it.")

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        self._leave()
        try:
            with _folder_locked(self.path.parent):
                self._set_aside(error)
            self._open()
        except (OSError, sqlite3.Error, EnvironmentProblem, ConfigurationError) as second:
            self._give_up(second)

    def _leave(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None

    def _open_or_set_aside(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _folder_locked(self.path.parent):
            try:
                self._open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                self._set_aside(error)
                self._open()

    def _open(self) -> None:
        database = open_shared_database(self.path)
        try:
            self._check(database)
            with database:
                database.execute(_TABLE)
        except BaseException:
            database.close()
            raise
        self._database, self._inode = database, self.path.stat().st_ino

    def _check(self, database: sqlite3.Connection) -> None:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if application != APPLICATION and tables:
            raise ConfigurationError(f"{self.path.absolute()} is a database of another program's. Name another file.")
        if layout > LAYOUT:
            raise EnvironmentProblem(
                f"{self.path.absolute()} was made by a newer version of geopix-eval (layout {layout}, this one knows "
                f"{LAYOUT}). Install that one, or name another file with --cache."
            )
        if (application, layout) != (APPLICATION, LAYOUT):
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {LAYOUT}")

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Renames the damaged file, unless another process has done so since it was opened."""
        if self._inode is not None and self._inode != _inode(self.path):
            return
        aside = _unused(self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}"))
        for ending in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + ending)
            if part.exists():
                part.rename(aside.with_name(aside.name + ending))
        self._tell(f"The cache {self.path} is damaged ({error}). It was set aside as {aside.name}; a new one is begun.")


@contextlib.contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """One process at a time sets a file of the folder aside."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a network's file system may know no lock of a folder
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _inode(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def _unused(path: Path) -> Path:
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def _seal(key: str, content: bytes) -> str:
    """Tells an entry that a disk has changed."""
    return hashlib.sha256(key.encode() + content).hexdigest()[:32]


def _read(key: str, seal: object, content: object) -> Response | None:
    if not isinstance(content, bytes) or seal != _seal(key, content):
        return None
    try:
        return _READER.validate_json(content)
    except pydantic.ValidationError:
        return None
