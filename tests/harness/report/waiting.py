"""Waiting for a page that does things in its own time."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 20.0  # seconds; a loaded machine is slow, a wrong page never gets there


def eventually(page: Any, check: Callable[[], bool]) -> bool:
    """Returns whether something comes to hold, looking again and again."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > deadline:
            return False
        page.wait_for_timeout(50)
    return True


def open_viewer(page: Any) -> None:
    """Opens the viewer by its key, which is heard once the list of samples is ready."""
    for _ in range(int(PATIENCE)):
        page.keyboard.press("j")
        page.wait_for_timeout(1000)
        if page.locator("#viewer .answer").count():
            return
    raise AssertionError("the viewer did not open")
