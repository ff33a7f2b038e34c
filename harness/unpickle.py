"""Reads a pickle of plain data without running anything that it asks for.

A pickle is a program: it may import any function and call it. Data sets still come as pickles, so this reader builds
lists, tuples, dicts, sets, text, bytes and numbers, and refuses everything that needs an import, which calls need too.
"""

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import DataError, MissingDataError


class _Refused(Exception):
    """A pickle asked for an import."""


#: Operations that put a value into the unpickler's table of values seen, at a place which the pickle names.
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_OPERATIONS = {operation.code: operation for operation in pickletools.opcodes}


def _refuse_bombs(content: bytes) -> None:
    """Refuses what asks for more memory than the file is long: six bytes can ask for gigabytes.

    Raises:
        ValueError: a place in the table of values, or a length, is larger than the file.
    """
    file = io.BytesIO(content)
    while (code := file.read(1)) not in (b"", b"."):
        operation = _OPERATIONS[code.decode("latin-1")]
        if operation.name == "STRING":  # pickletools takes it for ASCII, and Python 2 wrote other letters
            file.readline()
        elif operation.arg:
            # Reading it checks an announced length against what is left of the file.
            argument = operation.arg.reader(file)
            if operation.name in _PUTS and argument > len(content):
                raise ValueError(f"it asks for a table of {argument} values, more than the file has bytes")


class _PlainUnpickler(pickle.Unpickler):
    """An unpickler that imports nothing."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuses every class and function."""
        raise _Refused(f"{module}.{name}")


def load_plain(path: Path) -> Any:
    """Returns a pickle's content: containers, text, bytes, numbers, booleans and None.

    Pickles that Python 2 wrote are read too; their byte strings as UTF-8 text.

    Raises:
        MissingDataError: there is no such file.
        DataError: it asks for a class or function (none is imported, nothing is run) or for more memory than it is
            worth, or it is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingDataError(f"{path.absolute()} does not exist; expected a pickle of plain data there.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    try:
        _refuse_bombs(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="utf-8").load()
    except _Refused as refusal:
        raise DataError(_refusal(path, str(refusal))) from refusal
    except Exception as error:  # a damaged pickle may raise nearly any
        raise DataError(
            f"{path} is not a readable pickle: {type(error).__name__}: {error}. Was the download cut short? Fetch it "
            "again."
        ) from error


def _refusal(path: Path, wanted: str) -> str:
    advice = "Fetch the file again from its authors' page, and do not open this one with pickle.load."
    if wanted.startswith("numpy"):
        advice = "Write the file again with plain Python numbers and lists: `.item()` and `.tolist()` make them."
    return (
        f"{path} asks for {wanted}; a data file needs only lists, dicts, text and numbers. Nothing was imported and "
        f"nothing of it was run. {advice}"
    )
