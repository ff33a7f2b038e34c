"""Where an endpoint is, and the key that it wants: from the environment alone, and out of everything that is shown."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

from harness.errors import ConfigurationError, EnvironmentProblem

DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_KEY = "OPENAI_API_KEY"
#: A shorter text would stand in too many words to be told from them.
SHORTEST_KEY = 4
_LOOKS_LIKE_A_KEY = re.compile(r"(?i)(?:bearer\s+|\bsk-)[\w*.\-]+")

Asked = Literal["judge", "model"]


@dataclass(frozen=True)
class Address:
    """A model at an endpoint.

    Attributes:
        asked: what it serves as, for messages.
        model: its name at the endpoint.
        url: the endpoint, up to `/v1`.
        key: what it is told to let us in; empty where it wants none.
    """

    asked: Asked
    model: str
    url: str
    key: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """The endpoint in the words of messages."""
        return f"the {self.asked} at {self.url}"

    def said(self, text: str) -> str:
        """Returns what a server said as it may be kept: without the key, which it may repeat, in whole characters."""
        return _hidden(text, self.key).encode("utf-8", "replace").decode()

    def shown(self, error: object) -> str:
        """Returns an error in at most 200 characters, without the key or anything that looks like one."""
        text = " ".join(str(error or "no reason given").split())
        return _LOOKS_LIKE_A_KEY.sub("***", self.said(text))[:200]


def address(asked: Asked, argument: str, key_variable: str = DEFAULT_KEY) -> Address:
    """Returns the address of `openai:MODEL@URL`.

    Args:
        asked: what it is to serve as.
        argument: the model's name at the endpoint and, after an @, the address up to `/v1`; OpenAI's own without one.
        key_variable: the environment variable that holds the key.

    Raises:
        ConfigurationError: no model, or an address that is none or holds a password or a query.
        EnvironmentProblem: OpenAI's own endpoint has no key.
    """
    key = os.environ.get(key_variable, "").strip()
    refuse_key(key, {f"--{asked}": argument})
    model, _, url = argument.rpartition("@") if "@" in argument else (argument, "", DEFAULT_URL)
    # A name may have an @ of its own. With an address before the last one, that one ends a password.
    if "://" in model:
        raise ConfigurationError(
            f"--{asked} openai: the address holds a name or password; keys come from the environment."
        )
    url = _checked_url(asked, url)
    if not model:
        raise ConfigurationError(f"--{asked} openai:{argument}: expected openai:MODEL@URL, found no model.")
    if not key and url == DEFAULT_URL:
        raise EnvironmentProblem(
            f"the {asked} at {url} needs a key in the environment variable {key_variable}, which is empty. Set it, or "
            f"name another with --{asked}-option key_env=NAME."
        )
    return Address(asked, model, url, key)


def _checked_url(asked: Asked, url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.query or parts.fragment:
        raise ConfigurationError(
            f"--{asked} openai: the address holds a query or fragment, and it would be kept with the run; expected "
            "MODEL@http(s)://HOST/v1, keys come from the environment."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"--{asked} openai: expected MODEL@http(s)://HOST/v1, found the address {url!r}.")
    return url.rstrip("/")


def refuse_key(key: str, texts: Mapping[str, str]) -> None:
    """Goes on when nothing that is typed holds the key: the command line is kept with the run.

    Raises:
        ConfigurationError: something does; its name, and not what it holds.
    """
    for name, text in texts.items():
        if _hidden(text, key) != text:
            raise ConfigurationError(
                f"{_hidden(name, key)} holds the key, and it would be kept with the run. Keys come from the "
                "environment alone."
            )


def _hidden(text: str, key: str) -> str:
    if len(key) < SHORTEST_KEY:
        return text
    return text.replace(key, "***").replace(quote(key, safe=""), "***")
