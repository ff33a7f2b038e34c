"""A model behind an OpenAI-compatible endpoint: vLLM, SGLang, `transformers serve`, llama.cpp, commercial APIs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from harness.boxes import Size
from harness.endpoints.address import DEFAULT_KEY, address, refuse_key
from harness.endpoints.connection import NO_CREDIT, Connection, RequestFailed, connect
from harness.endpoints.pictures import Shown, shown
from harness.endpoints.threads import as_they_come
from harness.errors import EnvironmentProblem, SampleError
from harness.models.endpoint_options import EndpointOptions, endpoint_options
from harness.parsers.box_spellings import family
from harness.records import Request, Response

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

#: So many failures without one answer between them, or a few over so many seconds: nobody is there.
GIVE_UP, GIVE_UP_EARLY, LONGEST_SILENCE = 100, 10, 600.0
#: What no second request would change: a key that is not taken, no such model, no money left.
_HOPELESS = (401, 404)
_FILTERS = ("content_filter", "content_policy_violation")
#: More than any answer has; a larger count is nonsense.
MOST_TOKENS = 10**9
LATER = "When the endpoint answers again, the same command goes on where it stopped."
WEIGHTS = "not known: what stands behind the address may change, and the digest does not"


@dataclass(frozen=True)
class EndpointModel:
    """A model that is asked over HTTP, several requests at a time.

    Attributes:
        connection: sends, and sends again.
        options: what was typed with --model-option.
    """

    connection: Connection = field(repr=False)
    options: EndpointOptions

    reads_images: bool = True

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self.connection.address.model

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """What answers depend on, as far as it can be known; no key, and no price."""
        told = {"endpoint": self.connection.address.url, "model": self.name}
        return told | self.options.told() | {"weights": WEIGHTS}

    @cached_property
    def digest(self) -> str:
        """sha256 of name, address and settings: of all that is known of a model whose weights are not."""
        return hashlib.sha256(orjson.dumps(["openai", dict(self.settings)], option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def batch_size(self) -> int:
        """So many that a batch's last answers are waited for seldom; each is kept as it comes."""
        return 8 * self.options.parallel

    def repeats(self, request: Request) -> bool:
        """Returns whether it would answer the same again, as far as the endpoint keeps its word."""
        drawn = self.options.temperature == "server" or request.generation.get("temperature", 0) > 0
        return not drawn or self.options.seed is not None

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        """Returns the answers, in order.

        Raises:
            SampleError: one of the requests has none; why.
            EnvironmentProblem: as `answers`.
        """
        found: dict[int, Response] = {}
        for index, outcome in self.answers(requests):
            if isinstance(outcome, str):
                raise SampleError(outcome)
            found[index] = outcome
        return [found[index] for index in range(len(requests))]

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | str]]:
        """Yields the index of each request with its answer, or the reason why there is none, as they come.

        Raises:
            EnvironmentProblem: the endpoint refuses the key or has no such model, or nobody is there.
        """
        for index, outcome in as_they_come(self._answer, requests, self.options.parallel):
            match outcome:
                case Response():
                    yield index, outcome
                case RequestFailed():
                    self._hope(outcome)
                    yield index, str(outcome)
                case SampleError():
                    yield index, str(outcome)
                case _:
                    yield index, f"{type(outcome).__name__}: {self.connection.address.shown(outcome)}"

    def close(self) -> None:
        """Lets go of the connections; nothing is asked afterwards."""
        self.connection.close()

    def _hope(self, failure: RequestFailed) -> None:
        """Goes on where the next request may be answered."""
        if failure.status in _HOPELESS or failure.code == NO_CREDIT:
            raise EnvironmentProblem(
                f"{failure}. Nothing more is asked. Check the model's name, the address up to /v1, and the key's "
                "environment variable (--model-option key_env=NAME); the same command goes on where it stopped."
            )
        pace = self.connection.pace
        gone = pace.failures_in_a_row >= GIVE_UP_EARLY and pace.silence >= LONGEST_SILENCE
        if gone or pace.failures_in_a_row >= GIVE_UP:
            raise EnvironmentProblem(
                f"{failure}. {pace.failures_in_a_row} requests in a row have failed, so nothing more is asked. {LATER}"
            )
        if failure.wait > self.connection.patience:
            raise EnvironmentProblem(f"{failure}. That is longer than --model-option patience allows. {LATER}")

    def _answer(self, request: Request) -> Response:
        pictures = [shown(image, self.options.size, self.options.format) for image in request.images]
        question = self._question(request, pictures)
        try:
            response = self.connection.ask(lambda client: self._sent(client, question, request))
        except RequestFailed as failure:
            if failure.code in _FILTERS:
                return Response(reason=f"the endpoint's content filter refuses the question: {failure}")
            raise
        return replace(response, seen=self._counted_in(pictures))

    def _counted_in(self, pictures: Sequence[Shown]) -> Size | None:
        """The picture whose pixels the answer's boxes count, where they count pixels."""
        if not pictures or self.options.boxes is None or family(self.options.boxes).frame != "pixels":
            return None
        return pictures[0].size

    def _question(self, request: Request, pictures: Sequence[Shown]) -> dict[str, Any]:
        """All that is sent; pictures go before the words."""
        generation, options = request.generation, self.options
        content = [*map(self._part, pictures), {"type": "text", "text": request.prompt}]
        messages = [{"role": "user", "content": content if pictures else request.prompt}]
        if options.system:
            messages.insert(0, {"role": "system", "content": options.system})
        question = {"messages": messages, options.limit_key(self.connection.address.url): generation["max_new_tokens"]}
        if options.temperature == "task":
            question["temperature"] = generation.get("temperature", 0.0)
            if question["temperature"] > 0:
                question["top_p"] = generation.get("top_p", 1.0)
        if options.seed is not None:
            question["seed"] = options.seed
        if options.extra_body:
            question["extra_body"] = options.extra_body
        return question

    def _part(self, picture: Shown) -> dict[str, Any]:
        detail = {"detail": self.options.detail} if self.options.detail else {}
        return {"type": "image_url", "image_url": {"url": picture.url} | detail}

    def _sent(self, client: OpenAI, question: Mapping[str, Any], request: Request) -> Response:
        started = time.perf_counter()
        answer: ChatCompletion = client.chat.completions.create(model=self.name, **question)
        seconds = time.perf_counter() - started
        choice, said = answer.choices[0], self.connection.address.said
        text, refusal = said(choice.message.content or ""), said(choice.message.refusal or "")
        asked, given = _counted(answer.usage, "prompt_tokens"), _counted(answer.usage, "completion_tokens")
        return Response(
            text=text,
            seconds=seconds,
            tokens=given,
            reason=_reason(text, refusal, said(_finish(choice)), request),
            box_family=self.options.boxes,
            prompt_tokens=asked,
            cost=self.options.cost(asked, given),
        )


def _finish(choice: Any) -> str:
    return str(choice.finish_reason or "not given")


def _reason(text: str, refusal: str, finish: str, request: Request) -> str | None:
    """Why an answer is not whole; None when it is."""
    if refusal:
        return f"the model refuses: {refusal}"
    if finish == "content_filter":
        return "the endpoint's content filter cut the answer off"
    if finish == "length":
        cut = f"the answer was cut off at {request.generation['max_new_tokens']} tokens"
        return cut if text.strip() else f"{cut}, before a word of it was said"
    return None if text.strip() else f"the answer is empty (finish_reason {finish})"


def _counted(usage: object, name: str) -> int | None:
    """A count that a server tells; whatever else it says there is none."""
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_TOKENS else None


def endpoint_model(argument: str, options: Mapping[str, str]) -> EndpointModel:
    """Returns the model of `--model openai:NAME@URL`.

    Args:
        argument: the model's name at the endpoint and, after an @, the address up to `/v1`; OpenAI's own without one.
        options: the fields of `EndpointOptions`, which docs/models.md lists.

    Raises:
        ConfigurationError: no model, an address that is none or holds a password, an unknown option or value, or an
            option that holds the key.
        EnvironmentProblem: the extra is missing, or OpenAI's own endpoint has no key.
    """
    where = address("model", argument, options.get("key_env", DEFAULT_KEY))
    refuse_key(where.key, {f"--model-option {name}": f"{name}={text}" for name, text in options.items()})
    chosen = endpoint_options(options)
    connection = connect(
        where, timeout=chosen.timeout, retries=chosen.retries, patience=chosen.patience, most=chosen.parallel
    )
    return EndpointModel(connection, chosen)
