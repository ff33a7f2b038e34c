"""A model that answers what it was asked before from the cache that runs share."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from harness.cache.responses import ResponseCache
from harness.errors import SampleError
from harness.images import image_digest
from harness.interfaces import Closable, ConcurrentModel, Model, ReadsAhead, RepeatableModel
from harness.records import Request, Response


@dataclass(frozen=True)
class CachedModel:
    """Asks another model only what the cache has no answer to, and keeps what it says.

    Attributes:
        model: who is asked.
        cache: open.
        versions: of the libraries that answers depend on; other versions are other answers.
    """

    model: Model
    cache: ResponseCache
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def digest(self) -> str:
        """The model's: where an answer comes from does not change it."""
        return self.model.digest

    @property
    def settings(self) -> Mapping[str, str]:
        """The model's."""
        return self.model.settings

    @property
    def reads_images(self) -> bool:
        """The model's."""
        return self.model.reads_images

    @property
    def batch_size(self) -> int:
        """The model's."""
        return self.model.batch_size

    def read_ahead(self, requests: Sequence[Request]) -> None:
        """Has the model read what it can; an image read in vain costs less than one that is waited for."""
        if isinstance(self.model, ReadsAhead):
            self.model.read_ahead(requests)

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        """Returns the kept answers and the model's to all others, in order; raises what the model raises."""
        keys, found = self._known(requests)
        missing = [index for index in range(len(requests)) if index not in found]
        fresh = list(self.model.respond([requests[index] for index in missing])) if missing else []
        if len(fresh) != len(missing):
            raise SampleError(f"the model gave {len(fresh)} answers to {len(missing)} requests")
        asked = dict(zip(missing, fresh, strict=True))
        self._keep({keys[index]: response for index, response in asked.items() if index in keys})
        answers = found | asked
        return [answers[index] for index in range(len(requests))]

    def close(self) -> None:
        """Closes the model, where it holds something open; the cache is its opener's."""
        if isinstance(self.model, Closable):
            self.model.close()

    def _known(self, requests: Sequence[Request]) -> tuple[dict[int, str], dict[int, Response]]:
        """The key of each request that has one, and the answers that are kept, by index."""
        keys = {index: key for index, request in enumerate(requests) if (key := self._key(request)) is not None}
        kept = self.cache.find(list(keys.values()))
        return keys, {index: _again(kept[key]) for index, key in keys.items() if key in kept}

    def _key(self, request: Request) -> str | None:
        """The sha256 of all that the answer depends on; None where it would not be the same again."""
        if not isinstance(self.model, RepeatableModel) or not self.model.repeats(request):
            return None
        try:
            images = [image_digest(image) for image in request.images] if self.reads_images else []
        except SampleError:
            return None  # the model says what is wrong with it
        content = [
            self.digest,
            dict(self.settings),
            dict(self.versions),
            request.capability,
            request.prompt,
            dict(request.generation),
            images,
        ]
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def _keep(self, responses: Mapping[str, Response]) -> None:
        """Keeps what says something: silence may be a server's bad moment."""
        said = {key: response for key, response in responses.items() if _says_something(response)}
        if said:
            self.cache.keep(self.name, self.digest, said)


@dataclass(frozen=True)
class CachedConcurrentModel(CachedModel):
    """The same of a model that gives its answers as they come; each is kept then."""

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | str]]:
        """Yields the kept answers first, then the model's."""
        if not isinstance(self.model, ConcurrentModel):
            raise TypeError(f"{type(self.model).__name__} does not give its answers as they come")
        keys, found = self._known(requests)
        yield from found.items()
        missing = [index for index in range(len(requests)) if index not in found]
        if not missing:
            return
        for place, outcome in self.model.answers([requests[index] for index in missing]):
            index = missing[place]
            if isinstance(outcome, Response) and index in keys:
                self._keep({keys[index]: outcome})
            yield index, outcome


def cached(model: Model, cache: ResponseCache, versions: Mapping[str, str]) -> Model:
    """Returns a model with a cache before it; the model itself where its answers may not be shared."""
    if not isinstance(model, RepeatableModel):
        return model
    kind = CachedConcurrentModel if isinstance(model, ConcurrentModel) else CachedModel
    return kind(model, cache, versions)


def _says_something(response: object) -> bool:
    return isinstance(response, Response) and bool(response.text.strip() or response.masks or response.boxes)


def _again(response: Response) -> Response:
    """A kept answer as part of this run, which spends neither time nor money on it."""
    return replace(response, seconds=None, cost=None if response.cost is None else 0.0, cached=True)
