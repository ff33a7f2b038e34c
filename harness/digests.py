"""The sha256 of files and folders, read piece by piece."""

import hashlib
from collections.abc import Container, Iterator
from pathlib import Path


def file_digest(path: Path) -> str:
    """Returns the sha256 of a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lines_of_digests(folder: Path, leave_out: Container[str] = ()) -> Iterator[bytes]:
    """Yields a line for each file below a folder, in the paths' order: its path in it and its sha256.

    Args:
        folder: the folder.
        leave_out: names of files that do not count.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in leave_out):
        yield f"{path.relative_to(folder)} {file_digest(path)}\n".encode()


def folder_digest(folder: Path) -> str:
    """Returns the sha256 over every file's path and sha256.

    Raises:
        OSError: a file cannot be read.
    """
    return hashlib.sha256(b"".join(lines_of_digests(folder))).hexdigest()
