"""Fixtures every test may use."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The team's knowledge beside the checkout; tests that need it are skipped by name without it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared beside the checkout")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the user keeps in a cache, and whether runs use it, is no matter of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOPIX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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
