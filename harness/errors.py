"""Errors that a user can mend, each with the process exit code it leads to.

The hierarchy::

    GeoPixError                 anything the user can act on; exit code 2
    ├── ConfigurationError      a YAML, an option or a name is wrong; exit code 2
    ├── DataError               a data set's file contradicts its format; exit code 4
    ├── MissingDataError        a data set is not where it was looked for; exit code 4
    ├── EnvironmentProblem      a missing extra, device or model file; exit code 4
    └── SampleError             one sample cannot be used; recorded, the run goes on
"""

import difflib
import errno
from collections import Counter
from collections.abc import Iterable

#: What the system says when a disk is full, or a quota or a limit is reached.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class GeoPixError(Exception):
    """A failure whose message tells the user what to do next."""

    exit_code = 2


class ConfigurationError(GeoPixError):
    """A YAML file, an option or a name is wrong."""


class DataError(GeoPixError):
    """A data set's file contradicts its own format."""

    exit_code = 4


class MissingDataError(GeoPixError):
    """A data set, or a file of it, is not where it was looked for."""

    exit_code = 4


class EnvironmentProblem(GeoPixError):
    """Something outside the command is missing: an extra, a device, a model file."""

    exit_code = 4


class SampleError(GeoPixError):
    """One sample cannot be read, asked or scored; the run records the reason and goes on."""

    exit_code = 3


#: What torch says on the CPU and on Apple's GPUs, where it has no error of its own for it.
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: Exception) -> bool:
    """Says whether an error means that memory did not suffice: Python's, torch's on a GPU, or its allocator's on a CPU.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("MPS backend out of memory"))
    (True, True)
    >>> is_out_of_memory(RuntimeError("shapes differ"))
    False
    """
    # torch's error is known by its name: nothing here may import torch.
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(words in str(error) for words in _NO_MEMORY)


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the closest known name, or "" when none is close.

    >>> nearest("rsvqa_rh", ["rsvqa_hr", "rsvqa_lr", "rrsis"])
    " Did you mean 'rsvqa_hr'?"
    >>> nearest("zzz", ["rsvqa_hr"])
    ''
    """
    matches = difflib.get_close_matches(name, list(known), n=5, cutoff=0.5)
    if not matches:
        return ""
    # Of names that are equally close, the one with the same letters: two of them are often swapped.
    best = max(matches, key=lambda match: (difflib.SequenceMatcher(None, match, name).ratio(), _shared(match, name)))
    return f" Did you mean {best!r}?"


def _shared(one: str, other: str) -> int:
    return (Counter(one) & Counter(other)).total()
