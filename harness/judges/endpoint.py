"""A judge behind an OpenAI-compatible endpoint: OpenAI's own, vLLM's, llama.cpp's, and the like."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.errors import ConfigurationError, EnvironmentProblem, SampleError, nearest
from harness.records import Inquiry, Verdict

if TYPE_CHECKING:
    from openai import OpenAI

OPTIONS = ("timeout", "retries", "parallel", "key_env", "api")
DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_KEY = "OPENAI_API_KEY"
CHAT_TOKENS, COMPLETION_TOKENS = 20, 5  # the most that OpenAI tells of a token's rivals
_SECRET = re.compile(r"(?i)(?:bearer\s+|sk-)[\w*.\-]+")


@dataclass(frozen=True)
class Endpoint:
    """A model that is asked over HTTP.

    Attributes:
        model: its name at the endpoint.
        url: the endpoint, up to `/v1`.
        client: asks again by itself after a time-out, 429 or 5xx, as late as the server's Retry-After says.
        chat_only: whether inquiries without a chat template are put into one all the same.
        parallel: how many inquiries are open at a time.
        secret: the key, only to keep it out of messages.
    """

    model: str
    url: str
    client: OpenAI = field(repr=False)
    chat_only: bool = False
    parallel: int = 8
    secret: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    @property
    def digest(self) -> str:
        """Model, endpoint, and whether all goes through its chat template."""
        return f"openai {self.model} {self.url} {'chat' if self.chat_only else 'auto'}"

    @property
    def settings(self) -> Mapping[str, str]:
        """What a reader of the result should know."""
        return {"endpoint": self.url, "api": "chat" if self.chat_only else "auto", "temperature": "0"}

    def ask(self, inquiry: Inquiry) -> Verdict:
        """Returns what the model says, greedy.

        Raises:
            SampleError: it cannot be reached, refuses, or answers with nothing; why, without any key.
        """
        from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError  # noqa: PLC0415

        try:
            return self._completion(inquiry) if inquiry.raw and not self.chat_only else self._chat(inquiry)
        except APITimeoutError as error:
            raise SampleError(
                f"the judge at {self.url} did not answer in time. Raise --judge-option timeout."
            ) from error
        except APIConnectionError as error:
            raise SampleError(f"the judge at {self.url} cannot be reached: {self._clean(error.__cause__)}") from error
        except APIStatusError as error:
            raise SampleError(
                f"the judge at {self.url} answers HTTP {error.status_code}: {self._clean(error)}"
            ) from error
        except (APIError, ValueError, TypeError, AttributeError, LookupError) as error:
            raise SampleError(f"the judge at {self.url} answers what is no completion: {self._clean(error)}") from error

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()

    def _chat(self, inquiry: Inquiry) -> Verdict:
        wanted = {"logprobs": True, "top_logprobs": CHAT_TOKENS} if inquiry.probabilities else {}
        # Another attempt is another sample; greedy again, the model would only repeat itself.
        answer = self.client.chat.completions.create(
            model=self.model,
            messages=[{"role": "user", "content": inquiry.prompt}],
            max_tokens=inquiry.max_new_tokens,
            temperature=0.0 if inquiry.attempt == 0 else 0.7,
            seed=inquiry.attempt,
            **wanted,  # type: ignore[call-overload]
        )
        choice = answer.choices[0]
        return self._verdict(choice.message.content, _chat_probabilities(choice), answer)

    def _completion(self, inquiry: Inquiry) -> Verdict:
        answer = self.client.completions.create(
            model=self.model,
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
        if not text or not text.strip():
            raise SampleError(f"the judge at {self.url} answers with nothing")
        version = " ".join(filter(None, (answer.model, getattr(answer, "system_fingerprint", None))))
        return Verdict(text, dict(probabilities), version)

    def _clean(self, error: BaseException | None) -> str:
        """An error in at most 200 characters, without the key or anything that looks like one."""
        text = " ".join(str(error or "no reason given").split())
        if self.secret:
            text = text.replace(self.secret, "***")
        return _SECRET.sub("***", text)[:200]


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
    model, _, address = argument.rpartition("@") if "@" in argument else (argument, "", DEFAULT_URL)
    url = _checked_url(address, argument)
    if not model:
        raise ConfigurationError(f"--judge openai:{argument}: expected openai:MODEL@URL, found no model.")
    api = options.get("api", "auto")
    if api not in ("auto", "chat"):
        raise ConfigurationError(f"judge option api: expected auto or chat, found {api!r}.")
    key = _key(options.get("key_env", DEFAULT_KEY), url)
    timeout, retries = _number(options, "timeout", 60.0), int(_number(options, "retries", 3.0))
    return Endpoint(
        model=model,
        url=url,
        client=_client(url, key, timeout, retries),
        chat_only=api == "chat",
        parallel=max(1, int(_number(options, "parallel", 8.0))),
        secret=key,
    )


def _client(url: str, key: str, timeout: float, retries: int) -> OpenAI:
    try:
        from openai import OpenAI  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise EnvironmentProblem(
            f"the judge openai needs the extra `judges`: {error}. Install it: pip install 'geopix[judges]'."
        ) from error
    # A server without keys wants none; the client insists on one.
    return OpenAI(base_url=url, api_key=key or "none", timeout=timeout, max_retries=retries)


def _checked_url(address: str, argument: str) -> str:
    try:
        parts = urlsplit(address)
        host, password = parts.hostname, parts.username or parts.password
    except ValueError:
        host, password = None, None
    if password or "@" in argument.removesuffix(f"@{address}"):
        raise ConfigurationError(
            "--judge openai: the address holds a name or password; keys come from the environment."
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"--judge openai: expected MODEL@http(s)://HOST/v1, found the address {address!r}.")
    return address.rstrip("/")


def _key(variable: str, url: str) -> str:
    key = os.environ.get(variable, "")
    if not key and url == DEFAULT_URL:
        raise EnvironmentProblem(
            f"the judge at {url} needs a key in the environment variable {variable}, which is empty. Set it, or name "
            "another with --judge-option key_env=NAME."
        )
    return key


def _number(options: Mapping[str, str], name: str, usual: float) -> float:
    try:
        value = float(options.get(name, usual))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise ConfigurationError(f"judge option {name}: expected a number of 0 or more, found {options[name]!r}.")
    return value
