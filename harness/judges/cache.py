"""What judges said, kept by content, so that nothing is asked twice: one SQLite file."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
import pydantic

from harness.cache.sqlite_file import open_database
from harness.errors import EnvironmentProblem
from harness.records import Inquiry, Verdict

_TABLE = "CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, judge TEXT, inquiry TEXT, verdict TEXT)"


class VerdictCache:
    """Verdicts by the sha256 of the judge's digest and all of an inquiry.

    Each verdict is on disk before the next is asked for, so an interrupted run loses none. Failures are not kept.

    Args:
        path: the file; made when absent.

    Raises:
        EnvironmentProblem: the file cannot be opened, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        with self._told():
            self._database = open_database(self.path)
            self._database.execute(_TABLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def find(self, judge: str, inquiry: Inquiry) -> Verdict | None:
        """Returns what a judge of this digest said to an inquiry, or None; a damaged entry is as good as none.

        Raises:
            EnvironmentProblem: the file is damaged.
        """
        query = "SELECT verdict FROM verdicts WHERE key = ?"
        with self._told():
            row = self._database.execute(query, (_key(judge, inquiry),)).fetchone()
        if row is None:
            return None
        try:
            return pydantic.TypeAdapter(Verdict).validate_json(row[0])
        except pydantic.ValidationError:
            return None

    def keep(self, judge: str, inquiry: Inquiry, verdict: Verdict) -> None:
        """Keeps what a judge said.

        Raises:
            EnvironmentProblem: the file is damaged or cannot be written.
        """
        entry = (_key(judge, inquiry), judge, orjson.dumps(inquiry).decode(), orjson.dumps(verdict).decode())
        with self._told(), self._database:
            self._database.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?)", entry)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says in our words what SQLite has to complain about."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"the file of verdicts {self.path.absolute()} cannot be used: {error}. Delete it, or name another with "
                "--judge-cache."
            ) from error


def _key(judge: str, inquiry: Inquiry) -> str:
    return hashlib.sha256(orjson.dumps([judge, inquiry])).hexdigest()
