"""A judge's server for a test, and no key in the environment."""

from collections.abc import Iterator

import pytest

from tests.harness.judge_server import JudgeServer, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    with serving() as judge:
        yield judge
