"""Fixtures every test may use."""

from collections.abc import Iterator
from pathlib import Path

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
