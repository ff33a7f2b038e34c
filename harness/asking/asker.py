"""Asks a model about one batch: in parts where memory does not suffice for all, one by one where a batch fails."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from harness.errors import SampleError
from harness.interfaces import ConcurrentModel, Model, ReadsAhead
from harness.models.room import Room
from harness.records import Request, Response
from harness.scoring import Work

#: A sample with its answer, or the reason why there is none.
Outcome = tuple[Work, Response | str]


class Asker:
    """Asks a model, and says of each sample what came of it.

    Args:
        model: who is asked.
        fits: how many requests fit into memory, as far as that is known.
        learnt: told when it turns out that fewer do.
    """

    def __init__(self, model: Model, fits: int, learnt: Callable[[int], None]) -> None:
        self._model = model
        self._room = Room(fits)
        self._learnt = learnt

    def read_ahead(self, batch: Sequence[Work]) -> None:
        """Has the model read what a batch needs, if it can do that while it answers another one."""
        if isinstance(self._model, ReadsAhead):
            self._model.read_ahead([work.request for work in batch])

    def ask(self, batch: Sequence[Work]) -> Iterator[list[Outcome]]:
        """Yields what came of a batch, in parts where the model gives its answers as they come.

        Raises:
            EnvironmentProblem: such a model says that nothing can be had of it. All other exceptions are reasons.
        """
        if isinstance(self._model, ConcurrentModel):
            yield from self._as_they_come(self._model, batch)
            return
        before = self._room.size
        yield self._answer(batch)
        if self._room.size < before:
            self._learnt(self._room.size)

    @staticmethod
    def _as_they_come(model: ConcurrentModel, batch: Sequence[Work]) -> Iterator[list[Outcome]]:
        waiting = dict(enumerate(batch))
        for index, outcome in model.answers([work.request for work in batch]):
            yield [(waiting.pop(index), outcome)]
        if waiting:
            yield [(work, "the model gave no answer") for work in waiting.values()]

    def _answer(self, batch: Sequence[Work]) -> list[Outcome]:
        try:
            return list(zip(batch, self._room.answer([work.request for work in batch], self._responses), strict=True))
        except Exception as error:  # noqa: BLE001 - a model may raise anything; it is recorded with the sample
            if len(batch) == 1:
                return [(batch[0], _reason(error))]
        # One sample must not take its neighbours with it: those of a failed batch are asked one by one.
        return list(chain.from_iterable(self._answer([work]) for work in batch))

    def _responses(self, requests: Sequence[Request]) -> list[Response]:
        responses = list(self._model.respond(requests))
        if len(responses) != len(requests):
            raise SampleError(f"the model gave {len(responses)} answers to {len(requests)} requests")
        for response in responses:
            if not isinstance(response, Response):
                raise SampleError(f"the model gave a {type(response).__name__}, expected a Response")
        return responses


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, SampleError) else f"{type(error).__name__}: {error}"
