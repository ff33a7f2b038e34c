"""What no input may bring about: a program started, a connection made, a file written or deleted.

Python tells an audit hook of these; the hook cannot be taken away again, so it looks only while a test asks it to.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "os.remove",
             "os.rename", "os.rmdir", "shutil.rmtree", "ctypes.dlopen", "code.__new__", "pty.spawn")  # fmt: skip


class Watchman:
    """Notes what is done while it looks."""

    def __init__(self) -> None:
        self.looking = False
        self.seen: list[str] = []
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.looking and event in FORBIDDEN:
            self.seen.append(f"{event} {arguments!r:.200}")

    @contextmanager
    def nothing_done(self) -> Iterator[None]:
        """Fails the test if a program is started, a connection made, or a file deleted or renamed inside."""
        self.seen.clear()
        self.looking = True
        try:
            yield
        finally:
            self.looking = False
        assert self.seen == []


@pytest.fixture(scope="session")
def watchman() -> Watchman:
    return Watchman()
