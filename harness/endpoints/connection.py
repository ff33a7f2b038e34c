"""Requests to an endpoint, asked again when that may help, at the pace that it bears."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

from harness.endpoints.address import Address
from harness.endpoints.pace import Pace
from harness.errors import EnvironmentProblem, SampleError

if TYPE_CHECKING:
    from openai import OpenAI

Answer = TypeVar("Answer")

FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
_AGAIN = (408, 409, 425, 429)
NO_CREDIT = "insufficient_quota"


class RequestFailed(SampleError):
    """A request that has no answer.

    Attributes:
        status: the HTTP status; None where there was none.
        code: the error's name in the server's words, `content_filter` for example.
        again: whether the same request may be answered another time.
        overload: whether the server may have too much to do.
        wait: seconds that the server wants to be left alone.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        code: str = "",
        again: bool = True,
        overload: bool = False,
        wait: float = 0.0,
    ) -> None:
        super().__init__(reason)
        self.status, self.code, self.again, self.overload, self.wait = status, code, again, overload, wait


@dataclass(frozen=True)
class Connection:
    """An endpoint's client with its pace; threads share it.

    Attributes:
        address: where it is, and the key.
        client: sends one request, once.
        pace: how many at a time.
        retries: how often a request is sent again.
        patience: seconds that a server may ask for with Retry-After; asked for more, the request has failed.
    """

    address: Address
    client: OpenAI = field(repr=False)
    pace: Pace = field(repr=False)
    retries: int
    patience: float

    def ask(self, send: Callable[[OpenAI], Answer]) -> Answer:
        """Returns what a request gives, sent again after a time-out, a cut connection, 429, 5xx or nonsense.

        Args:
            send: sends the request and reads the answer; an answer that cannot be read raises what Python raises.

        Raises:
            RequestFailed: there is no answer; why, without any key.
            Stopped: the connection is closed.
        """
        for attempt in count():
            try:
                return self._once(send)
            except RequestFailed as failure:
                if not failure.again or attempt >= self.retries or failure.wait > self.patience:
                    raise
                self.pace.rest(max(failure.wait, _backoff(attempt)))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Wakes who waits, and closes the connections."""
        self.pace.stop()
        self.client.close()

    def _once(self, send: Callable[[OpenAI], Answer]) -> Answer:
        started = self.pace.start()
        try:
            answer = send(self.client)
        except Exception as error:  # noqa: BLE001 - what a server sends can make any of them
            failure = self._failure(error)
            if failure.overload:
                self.pace.overloaded(started, min(failure.wait, self.patience))
            else:
                self.pace.refused()
            # The cause holds what was sent, and its words may hold the key.
            raise failure from None
        self.pace.answered()
        return answer

    def _failure(self, error: Exception) -> RequestFailed:
        from openai import APIConnectionError, APIStatusError, APITimeoutError  # noqa: PLC0415 - an extra

        where, shown = self.address.where, self.address.shown
        match error:
            case APITimeoutError():
                option = f"--{self.address.asked}-option timeout"
                return RequestFailed(f"{where} did not answer in time. Raise {option}.", overload=True)
            case APIConnectionError():
                return RequestFailed(f"{where} cannot be reached: {shown(error.__cause__)}", overload=True)
            case APIStatusError(status_code=status):
                reason = f"{where} answers HTTP {status}: {shown(error)}"
                code, wait = str(error.code or ""), seconds_to_wait(error.response.headers)
                if wait > self.patience:
                    reason += f" (it asks to be left alone for {wait:.0f} s)"
                again = (status in _AGAIN or status >= 500) and code != NO_CREDIT
                return RequestFailed(reason, status=status, code=code, again=again, overload=again, wait=wait)
        return RequestFailed(f"{where} answers what is no completion: {type(error).__name__}: {shown(error)}")


def _backoff(attempt: int) -> float:
    """Seconds before another attempt: twice as long each time, and never the same for two requests."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * float(2**attempt))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - it keeps no secret, it spreads requests


def seconds_to_wait(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Returns the seconds that a server asks for with Retry-After, in seconds or as a date (RFC 9110, 10.2.3).

    >>> seconds_to_wait({"retry-after": "3"}), seconds_to_wait({}), seconds_to_wait({"retry-after": "soon"})
    (3.0, 0.0, 0.0)

    Args:
        headers: the answer's headers; `retry-after-ms`, as Azure has it, goes first.
        now: the present time.
    """
    asked = headers.get("retry-after-ms"), headers.get("retry-after", "")
    try:
        seconds = float(asked[1]) if asked[0] is None else float(asked[0]) / 1000
    except ValueError:
        seconds = _seconds_until(asked[1], now or datetime.now(UTC))
    return max(0.0, seconds) if isfinite(seconds) else 0.0


def _seconds_until(date: str, now: datetime) -> float:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()


def connect(address: Address, *, timeout: float, retries: int, patience: float, most: int) -> Connection:
    """Returns a connection to an endpoint; nothing is sent yet.

    Args:
        address: where it is.
        timeout: seconds after which a request that says nothing has failed.
        retries: how often a request is sent again.
        patience: the longest Retry-After that is obeyed, in seconds.
        most: requests under way at most.

    Raises:
        EnvironmentProblem: the extra is missing.
    """
    try:
        from openai import OpenAI  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise EnvironmentProblem(
            f"the {address.asked} openai needs the extra `endpoints`: {error}. Install it: "
            "pip install 'geopix[endpoints]'."
        ) from error
    # A server without keys wants none; the client insists on one. It must not ask again by itself: the pace would not
    # see it.
    client = OpenAI(base_url=address.url, api_key=address.key or "none", timeout=timeout, max_retries=0)
    return Connection(address, client, Pace(most), retries, patience)
