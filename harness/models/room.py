"""How many requests fit into memory at a time: learnt where they do not."""

from collections.abc import Callable, Sequence

from harness.errors import SampleError, is_out_of_memory
from harness.records import Request, Response

Answer = Callable[[Sequence[Request]], list[Response]]


class Room:
    """Splits requests into parts that fit; what did not fit once is not tried again.

    Attributes:
        size: the most requests that are tried at a time.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def answer(self, requests: Sequence[Request], ask: Answer) -> list[Response]:
        """Returns one response a request, in order.

        Raises:
            SampleError: one request alone does not fit.
        """
        responses: list[Response] = []
        before = self.size
        while left := requests[len(responses) :]:
            part = left[: self.size]
            try:
                responses += ask(part)
            except (RuntimeError, MemoryError) as error:
                self._shrink(part, error, before)
        return responses

    def _shrink(self, part: Sequence[Request], error: Exception, before: int) -> None:
        if not is_out_of_memory(error):
            raise error
        if len(part) == 1:
            self.size = before  # this request is too large; nothing is said about others
            raise SampleError(
                "one request does not fit into memory. Choose a smaller dtype (--model-option dtype=bfloat16), spread "
                "the model (--model-option device_map=auto), or make the images smaller."
            ) from error
        self.size = len(part) // 2
