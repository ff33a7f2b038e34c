"""Fixtures of the report's tests: the page of two runs, opened in a real browser."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.report.leaderboard import write_leaderboard
from tests.harness.report.factory import two_runs


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two runs over a task of questions and a task of masks."""
    root = two_runs(tmp_path_factory.mktemp("runs"))
    return write_leaderboard([root], root / "board.html").path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same page as a folder, with a baseline; returns its first page."""
    root = two_runs(tmp_path_factory.mktemp("runs"))
    return write_leaderboard([root], root / "board", form="folder", baseline="baseline:constant").path


@dataclass
class Opened:
    """A page, what it asked for, and what it had to say."""

    page: Any
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Any]:
    """Opens a page from its file, at a width and with Playwright's options for a context."""
    contexts = []

    def open_it(path: Path, width: int = 1280, at: str = "", **options: Any) -> Opened:
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, **options))
        opened = Opened(contexts[-1].new_page())
        opened.page.on("request", lambda request: opened.requests.append(request.url[:80]))
        opened.page.on("console", lambda message: opened.messages.append(message.text))
        opened.page.on("pageerror", lambda error: opened.messages.append(str(error)))
        opened.page.goto(path.as_uri() + at)
        return opened

    yield open_it
    for context in contexts:
        context.close()
