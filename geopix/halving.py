"""What to do when the device has no memory for a batch: halve it, say so, and remember what fits."""

import gc
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from harness.errors import EnvironmentProblem, is_out_of_memory

Request = TypeVar("Request")
Answered = TypeVar("Answered")


class MemoryShortage(UserWarning):
    """A batch was halved because the device had no memory for it."""


class FittingBatch:
    """The largest batch that fits into the device's memory, found out by failing.

    Attributes:
        most: requests that are asked at a time at most; None until a batch did not fit.
    """

    def __init__(self) -> None:
        self.most: int | None = None

    def ask(
        self, respond: Callable[[Sequence[Request]], list[Answered]], requests: Sequence[Request]
    ) -> list[Answered]:
        """Answers requests in batches that fit.

        Args:
            respond: answers a batch.
            requests: what is asked.

        Returns:
            One answer a request, in order.

        Raises:
            EnvironmentProblem: a single request does not fit.

        Warns:
            MemoryShortage: a batch did not fit and was halved.
        """
        answers: list[Answered] = []
        while len(answers) < len(requests):
            batch = requests[len(answers) : len(answers) + (self.most or len(requests))]
            answers += self._attempt(respond, batch)
        return answers

    def _attempt(
        self, respond: Callable[[Sequence[Request]], list[Answered]], batch: Sequence[Request]
    ) -> list[Answered]:
        """Answers a batch; none of it, and less the next time, when there is no memory for it."""
        try:
            return respond(batch)
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is the former
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise EnvironmentProblem(
                    "the device has no memory for a single question. Use another device (--device cpu), a smaller type "
                    "(dtype=bfloat16), shorter answers (max_new_tokens), or end what else runs on it."
                ) from error
        # Only here, behind the except block, nothing holds the failed batch's tensors any more.
        self.most = (len(batch) + 1) // 2
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        warnings.warn(
            f"no memory on the device for {len(batch)} questions at once; from here on {self.most} are asked at a time",
            MemoryShortage,
            stacklevel=4,
        )
        return []
