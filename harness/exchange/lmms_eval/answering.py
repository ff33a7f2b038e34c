"""A model of ours asked on another harness's behalf: what fails there ends the run, so nothing may."""

from collections.abc import Sequence
from itertools import chain

from harness.errors import SampleError
from harness.interfaces import ConcurrentModel, Model
from harness.models.room import is_out_of_memory
from harness.records import Request, Response


def answered(model: Model, requests: Sequence[Request]) -> list[Response]:
    """Returns one answer a request, in order; an empty one with the reason where the model has none.

    A batch that fails is asked again one by one, so that one sample does not take its neighbours with it.

    Raises:
        EnvironmentProblem: a model that answers as it can says that nothing can be had of it, an endpoint that refuses
            the key for example.
        Exception: several requests do not fit into memory together.
    """
    if isinstance(model, ConcurrentModel):
        return _as_they_come(model, requests)
    try:
        responses = list(model.respond(requests))
        if len(responses) != len(requests):
            raise SampleError(f"the model gave {len(responses)} answers to {len(requests)} requests")
    except Exception as error:  # a model may raise anything
        if len(requests) == 1:
            return [Response(reason=_reason(error))]
        if is_out_of_memory(error):
            raise
    else:
        return responses
    return list(chain.from_iterable(answered(model, [request]) for request in requests))


def _as_they_come(model: ConcurrentModel, requests: Sequence[Request]) -> list[Response]:
    found = dict(model.answers(requests))
    outcomes = [found.get(index, "the model gave no answer") for index in range(len(requests))]
    return [outcome if isinstance(outcome, Response) else Response(reason=outcome) for outcome in outcomes]


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, SampleError) else f"{type(error).__name__}: {error}"
