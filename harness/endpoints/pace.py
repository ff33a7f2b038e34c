"""How many requests an endpoint is sent at a time: one more as long as it answers, half as many when it is too much.

Additive increase and multiplicative decrease, as TCP does (Chiu and Jain, 1989; RFC 5681).
"""

import threading
import time
from collections.abc import Callable

START = 4


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class Pace:
    """Lets at most so many threads send at a time, and nobody before the time that the server named.

    Args:
        most: requests under way at most.
        clock: seconds that never go back.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._limit = float(min(most, START))
        self._under_way = 0
        self._round = 0
        self._not_before = 0.0
        self._in_a_row = 0
        self._answered_at = clock()
        self._changed = threading.Condition()
        self._ended = threading.Event()

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._limit)

    @property
    def failures_in_a_row(self) -> int:
        """How many requests have failed since the last one that was answered."""
        return self._in_a_row

    @property
    def silence(self) -> float:
        """Seconds since the last answer, or since the beginning."""
        return self._clock() - self._answered_at

    def start(self) -> int:
        """Waits until one more request may be sent; returns the round it belongs to.

        Raises:
            Stopped: nothing is sent any more.
        """
        with self._changed:
            while not self._ended.is_set():
                pause = self._not_before - self._clock()
                if pause <= 0 and self._under_way < self.limit:
                    self._under_way += 1
                    return self._round
                self._changed.wait(pause if pause > 0 else None)
        raise Stopped

    def answered(self) -> None:
        """Notes that a request was answered: one more a round."""
        with self._changed:
            self._in_a_row = 0
            self._answered_at = self._clock()
            self._limit = min(float(self.most), self._limit + 1 / self._limit)
            self._leave()

    def refused(self) -> None:
        """Notes that a request failed for what was asked, not for how much."""
        with self._changed:
            self._in_a_row += 1
            self._leave()

    def overloaded(self, since: int, pause: float = 0.0) -> None:
        """Notes that the server cannot do so much: half as many from now on, and none for a while.

        Args:
            since: the round that `start` gave. What was sent before the last halving tells nothing of the time since.
            pause: seconds that the server wants to be left alone.
        """
        with self._changed:
            self._in_a_row += 1
            if since == self._round:
                self._round += 1
                self._limit = max(1.0, self._limit / 2)
            self._not_before = max(self._not_before, self._clock() + pause)
            self._leave()

    def rest(self, seconds: float) -> None:
        """Waits.

        Raises:
            Stopped: nothing is sent any more.
        """
        if self._ended.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """Wakes all who wait and lets nobody send any more."""
        self._ended.set()
        with self._changed:
            self._changed.notify_all()

    def _leave(self) -> None:
        self._under_way -= 1
        self._changed.notify_all()
