"""Whatever a server replies, to a model's question or a judge's: an answer that can be kept, or a reason."""

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, suppress
from random import Random

import orjson
import pytest

from harness.endpoints.pace import Pace
from harness.errors import SampleError
from harness.judges.endpoint import Endpoint, endpoint
from harness.models.endpoint import EndpointModel, endpoint_model
from harness.records import Inquiry, Request, Response
from tests.fuzz.mutation import damage, damage_json
from tests.fuzz.tries import many_seeds
from tests.harness.judge_server import JudgeServer, Reply, answers, chat, serving

REQUEST = Request("1", (), "Is it?", "vqa", {"max_new_tokens": 16, "temperature": 0.0, "top_p": 1.0})
KEY = "sk-never-written-0123456789"
STATUS = (200, 200, 200, 200, 201, 400, 403, 418, 429, 500, 503)
HEADERS = ("Retry-After", "retry-after-ms", "Content-Type", "x-should-retry")
VALUES = ("0", "-1", "nan", "1e999", "Wed, 99 Foo 0000", "text/html", "\xe9", "", f"Bearer {KEY}")
WORDS = ("yes", f"the key is {KEY}", "\u202e", "[1, 2, 3, 4]")


@pytest.fixture(scope="module")
def server() -> Iterator[JudgeServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        with serving() as found:
            yield found


@pytest.fixture(scope="module")
def model(server: JudgeServer) -> Iterator[EndpointModel]:
    options = {"retries": "0", "timeout": "5", "price_in": "1", "price_out": "1"}
    with closing(endpoint_model(f"m@{server.url}", options)) as found:
        yield found


@pytest.fixture(scope="module")
def judge(server: JudgeServer) -> Iterator[Endpoint]:
    with closing(endpoint(f"m@{server.url}", {"retries": "0", "timeout": "5"})) as found:
        yield found


def damaged(good: bytes, random: Random) -> Reply:
    """A reply with its body put wrong, and now and then its status and headers."""
    body = damage_json(good, random) if random.random() < 0.6 else damage(good, random)
    headers = {random.choice(HEADERS): random.choice(VALUES)} if random.random() < 0.3 else {}
    return random.choice(STATUS), headers, body


def completion(random: Random, **body: object) -> bytes:
    said = answers(random.choice(WORDS), refusal=random.choice([None, "no"]), prompt_tokens=3, completion_tokens=1)
    return said(dict(body))[2]


@many_seeds
def test_replies_to_a_model(seed: int, server: JudgeServer, model: EndpointModel) -> None:
    random = Random(seed)
    server.answers = [lambda body: damaged(completion(random), random)]
    ((_, outcome),) = model.answers([REQUEST])
    assert isinstance(outcome, Response) or (isinstance(outcome, str) and outcome)
    assert KEY not in orjson.dumps(outcome).decode()
    forgive(model.connection.pace)


def forgive(pace: Pace) -> None:
    """Nonsense in a row is no reason to give up here."""
    pace.start()
    pace.answered()


@many_seeds
def test_replies_to_a_judge(seed: int, server: JudgeServer, judge: Endpoint) -> None:
    random = Random(seed)
    inquiry = Inquiry("Is it right?", raw=random.random() < 0.5, probabilities=random.random() < 0.7)
    good = chat(random.choice(WORDS), yes=0.7, no=0.2)
    server.answers = [lambda body: damaged(good(body)[2], random)]
    with suppress(SampleError):
        verdict = judge.ask(inquiry)
        assert KEY not in orjson.dumps(verdict).decode()
    forgive(judge.connection.pace)


BOMBS = {
    "deep": b"[" * 200_000,
    "deep-choice": b'{"choices": ' + b"[" * 100_000,
    "digits": b'{"usage": {"prompt_tokens": ' + b"9" * 100_000 + b"}}",
    "long": json.dumps({"choices": [{"message": {"content": "ship " * 100_000}}]}).encode(),
}


@pytest.mark.parametrize("bomb", list(BOMBS))
def test_replies_that_are_bombs(bomb: str, server: JudgeServer, model: EndpointModel) -> None:
    server.answers = [lambda body: (200, {}, BOMBS[bomb])]
    tracemalloc.start()
    try:
        ((_, outcome),) = model.answers([REQUEST])
        assert isinstance(outcome, Response | str)
        assert tracemalloc.get_traced_memory()[1] < 200 * len(BOMBS[bomb]) + 20_000_000
    finally:
        tracemalloc.stop()
    forgive(model.connection.pace)
