"""What no input may bring about: a program started, a connection made, a file written or deleted.

Python tells an audit hook of these; the hook cannot be taken away again, so it looks only while a test asks it to.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import HealthCheck, settings

FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "os.remove",
             "os.rename", "os.rmdir", "shutil.rmtree", "ctypes.dlopen", "code.__new__", "pty.spawn")  # fmt: skip

#: How many damaged inputs each test tries: a few in every run of the suite, as many as one likes by hand.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))

settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("fuzz")


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


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    """Seeded by the test's name."""
    return Random(request.node.nodeid)
