"""A model of ours asked on another harness's behalf: what fails there ends the run, so nothing may."""

from collections.abc import Sequence
from itertools import chain

from harness.errors import SampleError
from harness.interfaces import ConcurrentModel, Model
from harness.models.room import Room
from harness.records import Request, Response


def answered(model: Model, room: Room, requests: Sequence[Request]) -> list[Response]:
    """Returns one answer a request, in order; an empty one with the reason where the model has none.

    A batch that does not fit into memory is asked in parts; one that fails is asked again one by one, so that one
    sample does not take its neighbours with it.

    Args:
        model: who is asked.
        room: how many requests fit into memory; learns.
        requests: of one capability and the same generation settings.

    Raises:
        EnvironmentProblem: a model that answers as it can says that nothing can be had of it, an endpoint that refuses
            the key for example.
    """
    if isinstance(model, ConcurrentModel):
        return _as_they_come(model, requests)
    try:
        return room.answer(requests, lambda part: _responses(model, part))
    except Exception as error:  # noqa: BLE001 - a model may raise anything; it is told with the answer
        if len(requests) == 1:
            return [Response(reason=_reason(error))]
    return list(chain.from_iterable(answered(model, room, [request]) for request in requests))


def _responses(model: Model, requests: Sequence[Request]) -> list[Response]:
    responses = list(model.respond(requests))
    if len(responses) != len(requests):
        raise SampleError(f"the model gave {len(responses)} answers to {len(requests)} requests")
    return responses


def _as_they_come(model: ConcurrentModel, requests: Sequence[Request]) -> list[Response]:
    found = dict(model.answers(requests))
    outcomes = [found.get(index, "the model gave no answer") for index in range(len(requests))]
    return [outcome if isinstance(outcome, Response) else Response(reason=outcome) for outcome in outcomes]


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, SampleError) else f"{type(error).__name__}: {error}"
