"""Fixtures of the report's tests: the page of two runs, and a real browser."""

import shutil
from collections.abc import Iterator
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
def chromium() -> Iterator[Any]:
    """A real browser; tests that need it are skipped by name without it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium")
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*quiet, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()
