"""SQLite files: a run's own, and those that several processes write at once."""

import sqlite3
from pathlib import Path

#: Seconds that a process waits for another that is writing.
PATIENCE = 30.0


def open_database(path: Path) -> sqlite3.Connection:
    """Returns a file's database; made with its folder when absent.

    The connection may go from thread to thread, used by one at a time.

    Raises:
        OSError: the folder cannot be made.
        sqlite3.Error: the file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)


def open_shared_database(path: Path) -> sqlite3.Connection:
    """Returns a database that many may read while one writes (write-ahead log); those who write take turns.

    What was written outlives a kill -9; a power cut may take the last of it. The log is a second file beside the first
    while anyone has it open, and wants a disk of this machine.

    Raises:
        OSError: the folder cannot be made.
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    database = open_database(path)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        database.close()
        raise
    return database
