"""The judge behind an endpoint: what it is sent, how often, and what its failures become."""

from contextlib import closing
from typing import Any

import pytest

from harness.errors import ConfigurationError, EnvironmentProblem, SampleError
from harness.judges.endpoint import Endpoint, endpoint
from harness.records import Inquiry
from tests.harness.judge_server import JudgeServer, chat, fails, hangs, says

KEY = "sk-secret-0123456789"


def judge(server: JudgeServer, **options: str) -> Endpoint:
    return endpoint(f"some/model@{server.url}", {"retries": "0", "timeout": "5", **options})


def ask(server: JudgeServer, inquiry: Inquiry | None = None, **options: str) -> Any:
    with closing(judge(server, **options)) as found:
        return found.ask(inquiry or Inquiry("Is it so?"))


def test_a_chat_is_asked_and_its_version_kept(server: JudgeServer) -> None:
    verdict = ask(server, Inquiry("Is it so?", max_new_tokens=7))
    assert (verdict.text, verdict.model, verdict.probabilities) == ("1", "judge-2026-01-01 fp_7", {})
    path, body, _, _ = server.asked[0]
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "some/model", "messages": [{"role": "user", "content": "Is it so?"}], "max_tokens": 7,
        "temperature": 0.0, "seed": 0,
    }  # fmt: skip


def test_probabilities_of_the_first_token_come_with_both_kinds_of_prompt(server: JudgeServer) -> None:
    server.answers = [chat("1", _1=0.6, _0=0.2)]
    raw = ask(server, Inquiry("raw", raw=True, probabilities=True))
    dressed = ask(server, Inquiry("dressed", probabilities=True))
    forced = ask(server, Inquiry("forced", raw=True, probabilities=True), api="chat")
    for verdict in (raw, dressed, forced):
        assert verdict.probabilities == pytest.approx({"1": 0.6, "0": 0.2})
    assert [path for path, *_ in server.asked] == ["/v1/completions", "/v1/chat/completions", "/v1/chat/completions"]
    assert (server.asked[0][1]["logprobs"], server.asked[1][1]["top_logprobs"]) == (5, 20)


def test_another_attempt_is_another_sample(server: JudgeServer) -> None:
    ask(server, Inquiry("again", attempt=2))
    assert (server.asked[0][1]["temperature"], server.asked[0][1]["seed"]) == (0.7, 2)


def test_after_429_it_waits_as_long_as_the_server_says(server: JudgeServer) -> None:
    server.answers = [fails(429, "slow down", Retry_After="1"), chat("0")]
    assert ask(server, retries="1").text == "0"
    (_, _, _, first), (_, _, _, second) = server.asked
    assert second - first >= 0.95


def test_after_500_it_asks_again_and_then_gives_up(server: JudgeServer) -> None:
    server.answers = [fails(500, "broken")]
    with pytest.raises(SampleError, match=r"the judge at http://127\.0\.0\.1:\d+/v1 answers HTTP 500: .*broken"):
        ask(server, retries="1")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{broken", "answers what is no completion"),
        (b"<html>hello</html>", "answers what is no completion"),
        (b"{}", "answers what is no completion"),
        (b'{"choices": []}', "answers what is no completion"),
        (b"null", "answers what is no completion"),
    ],
)
def test_what_is_no_completion_is_a_failure(server: JudgeServer, content: bytes, reason: str) -> None:
    server.answers = [says(content)]
    with pytest.raises(SampleError, match=reason):
        ask(server)


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_an_empty_verdict_is_a_failure(server: JudgeServer, text: str | None) -> None:
    server.answers = [chat(text)]
    with pytest.raises(SampleError, match="answers with nothing"):
        ask(server)


def test_a_server_that_hangs_is_left_in_time(server: JudgeServer) -> None:
    server.answers = [hangs(1.5)]
    with pytest.raises(SampleError, match="did not answer in time. Raise --judge-option timeout"):
        ask(server, timeout="0.2")


def test_nobody_there_is_a_failure() -> None:
    reason = "the judge at http://127.0.0.1:9/v1 cannot be reached"
    with (
        closing(endpoint("m@http://127.0.0.1:9/v1", {"retries": "0"})) as found,
        pytest.raises(SampleError, match=reason),
    ):
        found.ask(Inquiry("?"))


def test_the_key_goes_to_the_server_and_nowhere_else(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.answers = [fails(401, f"Incorrect API key provided: {KEY}. Bearer {KEY}; sk-sec*****6789")]
    with closing(judge(server)) as found, pytest.raises(SampleError) as caught:
        found.ask(Inquiry("?"))
    assert server.asked[0][2]["authorization"] == f"Bearer {KEY}"
    for text in (str(caught.value), repr(found), found.digest, str(found.settings)):
        assert "secret" not in text
        assert "6789" not in text
    assert "HTTP 401" in str(caught.value)


def test_a_key_may_have_another_name(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "abc")
    ask(server, key_env="MY_KEY")
    assert server.asked[0][2]["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("argument", "options", "error", "reason"),
    [
        ("m@http://h/v1", {"key": "x"}, ConfigurationError, "no option 'key'.*read from the environment alone"),
        ("m@http://h/v1", {"timout": "1"}, ConfigurationError, "no option 'timout'. Did you mean 'timeout'"),
        (
            "m@http://h/v1",
            {"timeout": "soon"},
            ConfigurationError,
            "timeout: expected a number of 0 or more, found 'soon'",
        ),
        ("m@http://h/v1", {"api": "voice"}, ConfigurationError, "api: expected auto or chat, found 'voice'"),
        ("m@ftp://h/v1", {}, ConfigurationError, r"expected MODEL@http\(s\)://HOST/v1, found the address 'ftp://h/v1'"),
        ("m@http://me:pw@h/v1", {}, ConfigurationError, "expected MODEL@http|holds a name or password"),
        ("@http://h/v1", {}, ConfigurationError, "found no model"),
        (
            "gpt-4o-mini",
            {"key_env": "NO_SUCH_KEY"},
            EnvironmentProblem,
            "needs a key in the environment variable NO_SUCH_KEY",
        ),
    ],
)
def test_what_is_mistyped_is_refused(argument: str, options: dict[str, str], error: Any, reason: str) -> None:
    with pytest.raises(error, match=reason) as caught:
        endpoint(argument, options)
    assert "pw" not in str(caught.value)
