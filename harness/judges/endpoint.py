"""A judge behind an OpenAI-compatible endpoint: OpenAI's own, vLLM, SGLang, Ollama, `transformers serve` and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING, Any

from harness.endpoints.address import DEFAULT_KEY, address
from harness.endpoints.connection import Connection, connect
from harness.errors import ConfigurationError, SampleError, nearest
from harness.records import Inquiry, Verdict

if TYPE_CHECKING:
    from openai import OpenAI

OPTIONS = ("timeout", "retries", "parallel", "key_env", "api")
CHAT_TOKENS, COMPLETION_TOKENS = 20, 5  # the most that OpenAI tells of a token's rivals
PATIENCE = 120.0


@dataclass(frozen=True)
class Endpoint:
    """A model that is asked over HTTP.

    Attributes:
        connection: asks again by itself after a time-out, 429 or 5xx, as late as the server's Retry-After says.
        chat_only: whether inquiries without a chat template are put into one all the same.
        parallel: how many inquiries are open at a time, at most.
    """

    connection: Connection = field(repr=False)
    chat_only: bool = False
    parallel: int = 8

    @property
    def name(self) -> str:
        """The model's name."""
        return self.connection.address.model

    @property
    def url(self) -> str:
        """The endpoint, up to `/v1`."""
        return self.connection.address.url

    @property
    def digest(self) -> str:
        """Model, endpoint, and whether all goes through its chat template."""
        return f"openai {self.name} {self.url} {'chat' if self.chat_only else 'auto'}"

    @property
    def settings(self) -> Mapping[str, str]:
        """What a reader of the result should know."""
        return {"endpoint": self.url, "api": "chat" if self.chat_only else "auto", "temperature": "0"}

    def ask(self, inquiry: Inquiry) -> Verdict:
        """Returns what the model says, greedy.

        Raises:
            SampleError: it cannot be reached, refuses, or answers with nothing; why, without any key.
        """
        send = self._completion if inquiry.raw and not self.chat_only else self._chat
        verdict = self.connection.ask(lambda client: send(client, inquiry))
        if not verdict.text.strip():
            raise SampleError(f"the judge at {self.url} answers with nothing")
        return verdict

    def close(self) -> None:
        """Closes the connections."""
        self.connection.close()

    def _chat(self, client: OpenAI, inquiry: Inquiry) -> Verdict:
        wanted = {"logprobs": True, "top_logprobs": CHAT_TOKENS} if inquiry.probabilities else {}
        # Another attempt is another sample; greedy again, the model would only repeat itself.
        answer = client.chat.completions.create(
            model=self.name,
            messages=[{"role": "user", "content": inquiry.prompt}],
            max_tokens=inquiry.max_new_tokens,
            temperature=0.0 if inquiry.attempt == 0 else 0.7,
            seed=inquiry.attempt,
            **wanted,  # type: ignore[call-overload]
        )
        choice = answer.choices[0]
        return self._verdict(choice.message.content, _chat_probabilities(choice), answer)

    def _completion(self, client: OpenAI, inquiry: Inquiry) -> Verdict:
        answer = client.completions.create(
            model=self.name,
            prompt=inquiry.prompt,
            max_tokens=inquiry.max_new_tokens,
            temperature=0.0 if inquiry.attempt == 0 else 0.7,
            seed=inquiry.attempt,
            logprobs=COMPLETION_TOKENS if inquiry.probabilities else None,
        )
        choice = answer.choices[0]
        first = (choice.logprobs.top_logprobs or [{}])[0] if choice.logprobs else {}
        return self._verdict(choice.text, {token: exp(value) for token, value in first.items()}, answer)

    def _verdict(self, text: str | None, probabilities: Mapping[str, float], answer: Any) -> Verdict:
        version = " ".join(filter(None, (answer.model, getattr(answer, "system_fingerprint", None))))
        said = self.connection.address.said
        return Verdict(said(text or ""), dict(probabilities), said(version))


def _chat_probabilities(choice: Any) -> dict[str, float]:
    content = choice.logprobs.content if choice.logprobs else None
    return {rival.token: exp(rival.logprob) for rival in content[0].top_logprobs} if content else {}


def endpoint(argument: str, options: Mapping[str, str]) -> Endpoint:
    """Returns the judge of `--judge openai:MODEL@URL`.

    Args:
        argument: the model's name at the endpoint and, after an @, the address up to `/v1`; OpenAI's own without one.
        options: `timeout` in seconds (60), `retries` (3), `parallel` (8), `key_env` (the environment variable with the
            key, OPENAI_API_KEY), `api` (`auto`: prompts without a chat template go to /completions; `chat`: all go to
            /chat/completions).

    Raises:
        ConfigurationError: no model, an address that is none or holds a password, an unknown option or value.
        EnvironmentProblem: the extra is missing, or OpenAI's own endpoint has no key.
    """
    for option in options:
        if option not in OPTIONS:
            raise ConfigurationError(
                f"the judge openai has no option {option!r}.{nearest(option, OPTIONS)} Known: {', '.join(OPTIONS)}. "
                "A key is read from the environment alone."
            )
    api = options.get("api", "auto")
    if api not in ("auto", "chat"):
        raise ConfigurationError(f"judge option api: expected auto or chat, found {api!r}.")
    parallel = max(1, int(_number(options, "parallel", 8.0)))
    connection = connect(
        address("judge", argument, options.get("key_env", DEFAULT_KEY)),
        timeout=_number(options, "timeout", 60.0),
        retries=int(_number(options, "retries", 3.0)),
        patience=PATIENCE,
        most=parallel,
    )
    return Endpoint(connection, chat_only=api == "chat", parallel=parallel)


def _number(options: Mapping[str, str], name: str, usual: float) -> float:
    try:
        value = float(options.get(name, usual))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise ConfigurationError(f"judge option {name}: expected a number of 0 or more, found {options[name]!r}.")
    return value
