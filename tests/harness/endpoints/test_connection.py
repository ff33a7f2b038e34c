"""When a request is sent again, how late, and what its failures are."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.endpoints.address import Address
from harness.endpoints.connection import LONGEST_BACKOFF, Connection, RequestFailed, _backoff, connect, seconds_to_wait
from harness.endpoints.pace import START, Stopped
from tests.harness.judge_server import Answer, JudgeServer, chat, cut, fails, hangs, says, serving


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving() as found:
        yield found


def connection(server: JudgeServer, retries: int = 1, timeout: float = 5, patience: float = 60) -> Connection:
    address = Address("model", "m", server.url)
    return connect(address, timeout=timeout, retries=retries, patience=patience, most=4)


def say(client: Any) -> str:
    answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
    return str(answer.choices[0].message.content)


@pytest.mark.parametrize(
    "first",
    [fails(429), fails(500), fails(503), fails(408), cut(), says(b"{broken"), says(b""), says(b"null"), hangs(4)],
    ids=["429", "500", "503", "408", "cut", "broken JSON", "nothing", "null", "hanging"],
)
def test_what_may_pass_is_asked_again(server: JudgeServer, first: Answer) -> None:
    server.answers = [first, chat("again")]
    with closing(connection(server, timeout=1.5)) as found:
        assert found.ask(say) == "again"
        assert found.pace.limit <= START
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (fails(400, "bad"), 400, ""),
        (fails(401, "who"), 401, ""),
        (fails(404, "what"), 404, ""),
        (fails(429, "no money", code="insufficient_quota"), 429, "insufficient_quota"),
        (fails(429, "later", Retry_After="61"), 429, ""),
    ],
)
def test_what_will_not_pass_is_asked_once(server: JudgeServer, answer: Answer, status: int, code: str) -> None:
    server.answers = [answer]
    with closing(connection(server, retries=5)) as found, pytest.raises(RequestFailed) as caught:
        found.ask(say)
    assert (len(server.asked), caught.value.status, caught.value.code) == (1, status, code)
    assert (status == 429 and not code) == ("it asks to be left alone for 61 s" in str(caught.value))


def test_the_last_failure_is_what_is_told(server: JudgeServer) -> None:
    server.answers = [fails(500, "first"), fails(503, "second")]
    with closing(connection(server)) as found, pytest.raises(RequestFailed, match="answers HTTP 503: .*second"):
        found.ask(say)


def test_retry_after_is_obeyed(server: JudgeServer) -> None:
    server.answers = [fails(503, Retry_After="1"), chat("0")]
    with closing(connection(server)) as found:
        found.ask(say)
    (*_, first), (*_, second) = server.asked
    assert second - first >= 0.95


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "nan"}, 0),
        ({"retry-after": "inf"}, 0),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Tue, 24 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "in a while"}, 0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(headers: dict[str, str], seconds: float) -> None:
    assert seconds_to_wait(headers, datetime(2026, 11, 24, 12, tzinfo=UTC)) == seconds


def test_waits_double_and_differ() -> None:
    for attempt in range(40):
        longest = min(LONGEST_BACKOFF, 0.5 * 2**attempt)
        waits = {_backoff(attempt) for _ in range(5)}
        assert len(waits) == 5
        assert all(longest / 2 <= wait <= longest for wait in waits)


def test_nobody_there(server: JudgeServer) -> None:
    address = Address("model", "m", "http://127.0.0.1:9/v1")
    with (
        closing(connect(address, timeout=1, retries=0, patience=1, most=1)) as found,
        pytest.raises(RequestFailed, match="the model at http://127.0.0.1:9/v1 cannot be reached: .*refused"),
    ):
        found.ask(say)


def test_closing_wakes_who_waits_to_ask_again(server: JudgeServer) -> None:
    import threading

    server.answers = [fails(429, Retry_After="50")]
    found = connection(server)
    ended = []

    def work() -> None:
        with pytest.raises(Stopped):
            found.ask(say)
        ended.append(True)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while not server.asked:
        time.sleep(0.01)
    time.sleep(0.1)
    found.close()
    thread.join(5)
    assert ended == [True]
