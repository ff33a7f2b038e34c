"""What a run says when it cannot write: the disk is full, say."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from harness.errors import EnvironmentProblem


@contextmanager
def writing(path: Path, still: str, *, also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turns a failure to write into words: what, why, what is still good, and what to do.

    Args:
        path: what is written.
        still: a sentence about what is whole all the same.
        also: what else a library raises when it cannot write.

    Raises:
        EnvironmentProblem: something within could not write.
    """
    kinds: tuple[type[Exception], ...] = (OSError, SafetensorError, *also)
    try:
        yield
    except kinds as error:
        raise EnvironmentProblem(
            f"{path} cannot be written: {error}. {still} Make room, then give the same command again to go on."
        ) from error
