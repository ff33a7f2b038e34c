"""A model with a cache before it: when it is not asked, and when it must be."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.cache.responses import ResponseCache
from harness.errors import SampleError
from harness.interfaces import ConcurrentModel
from harness.models.cached import CachedModel, cached
from harness.models.replay import Replay
from harness.records import ImageFile, Mask, Request, Response

VERSIONS = {"torch": "2"}


@dataclass
class Counting:
    """Answers with what it was asked, and remembers it."""

    digest: str = "d"
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "counting"
    reads_images: bool = True
    batch_size: int = 4
    asked: list[str] = field(default_factory=list)
    answer: Any = lambda request: Response(text=f"to {request.prompt}", seconds=1.0, tokens=2, cost=0.5)

    def repeats(self, request: Request) -> bool:
        return not request.generation.get("temperature")

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        self.asked += [request.prompt for request in requests]
        return [self.answer(request) for request in requests]


@dataclass
class Concurrent(Counting):
    """The same, the last first."""

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | str]]:
        for index in reversed(range(len(requests))):
            self.asked.append(requests[index].prompt)
            yield index, "refused" if requests[index].prompt == "bad" else self.answer(requests[index])


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ResponseCache]:
    with ResponseCache(tmp_path / "answers.sqlite") as found:
        yield found


@pytest.fixture
def image(tmp_path: Path) -> ImageFile:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    return ImageFile("a", tmp_path / "a.png")


def request(*images: ImageFile, prompt: str = "p", capability: str = "vqa", **generation: Any) -> Request:
    return Request("1", images, prompt, capability, {"max_new_tokens": 5, **generation})


def asked(model: Counting, cache: ResponseCache, *requests: Request, versions: Mapping[str, str] = VERSIONS) -> int:
    """How many of the requests reached the model."""
    before = len(model.asked)
    responses = cached(model, cache, versions).respond(requests)
    assert [response.text for response in responses] == [f"to {request.prompt}" for request in requests]
    return len(model.asked) - before


def test_the_same_is_asked_once_whatever_the_sample_is_called(cache: ResponseCache, image: ImageFile) -> None:
    model = Counting()
    assert asked(model, cache, request(image)) == 1
    again = replace(request(image), sample_id="another")
    assert asked(model, cache, again, request(image, prompt="new"), again) == 1
    assert model.asked == ["p", "new"]


def test_a_kept_answer_spends_no_time_and_no_money_and_says_so(cache: ResponseCache, image: ImageFile) -> None:
    model = cached(Counting(), cache, VERSIONS)
    (first,) = model.respond([request(image)])
    (second,) = model.respond([request(image)])
    assert (first.seconds, first.cost, first.cached) == (1.0, 0.5, False)
    assert (second.seconds, second.cost, second.cached, second.tokens) == (None, 0.0, True, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"digest": "e"}},
        {"model": {"settings": {"dtype": "bfloat16"}}},
        {"request": {"prompt": "p "}},
        {"request": {"capability": "caption"}},
        {"request": {"max_new_tokens": 6}},
        {"request": {"seed": 1}},
        {"versions": {"torch": "3"}},
    ],
    ids=str,
)
def test_whatever_the_answer_depends_on_is_in_the_key(
    cache: ResponseCache, image: ImageFile, change: dict[str, dict[str, Any]]
) -> None:
    assert asked(Counting(), cache, request(image)) == 1
    assert asked(Counting(), cache, request(image)) == 0
    model = Counting(**change.get("model", {}))
    changed = request(image, **change.get("request", {}))
    assert asked(model, cache, changed, versions=change.get("versions", VERSIONS)) == 1


def test_a_changed_image_never_hits_and_a_renamed_one_does(
    cache: ResponseCache, image: ImageFile, tmp_path: Path
) -> None:
    model = Counting()
    asked(model, cache, request(image))
    moved = ImageFile("b", image.path.rename(tmp_path / "b.png"))
    assert asked(model, cache, request(moved)) == 0
    content, times = bytearray(moved.path.read_bytes()), moved.path.stat()
    content[-1] ^= 1
    moved.path.write_bytes(content)
    os.utime(moved.path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert asked(model, cache, request(moved)) == 1
    assert asked(model, cache, request(moved, moved)) == 1
    assert asked(model, cache, request()) == 1


def test_pictures_in_another_order_are_another_question(cache: ResponseCache, image: ImageFile, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "c.png")
    other = ImageFile("c", tmp_path / "c.png")
    model = Counting()
    asked(model, cache, request(image, other))
    assert asked(model, cache, request(other, image)) == 1


def test_an_image_that_cannot_be_read_is_the_models_to_speak_of(cache: ResponseCache, tmp_path: Path) -> None:
    model, missing = Counting(), ImageFile("gone", tmp_path / "gone.png")
    assert asked(model, cache, request(missing)) == 1
    assert asked(model, cache, request(missing)) == 1


def test_answers_that_are_drawn_are_not_kept(cache: ResponseCache, image: ImageFile) -> None:
    model = Counting()
    assert asked(model, cache, request(image, temperature=0.7)) == 1
    assert asked(model, cache, request(image, temperature=0.7)) == 1


def test_silence_is_not_kept_and_masks_alone_are(cache: ResponseCache, image: ImageFile) -> None:
    for answer, times in ((Response(), 2), (Response(text=" "), 2), (Response(masks=(Mask((1, 1), "01"),)), 1)):
        model = Counting(answer=lambda request, answer=answer: answer)
        for _ in range(2):
            cached(model, cache, VERSIONS).respond([request(image, prompt=str(answer))])
        assert len(model.asked) == times


def test_a_model_whose_answers_depend_on_the_sample_has_no_cache(cache: ResponseCache, tmp_path: Path) -> None:
    model = Replay("r", "d", {"1": Response(text="yes")}, tmp_path)
    assert cached(model, cache, VERSIONS) is model


def test_one_model_or_the_other_it_shows_the_models_face(cache: ResponseCache) -> None:
    model = Counting(settings={"a": "b"})
    found = cached(model, cache, VERSIONS)
    assert isinstance(found, CachedModel)
    assert not isinstance(found, ConcurrentModel)
    for name in ("name", "digest", "settings", "reads_images", "batch_size"):
        assert getattr(found, name) == getattr(model, name)


def test_a_model_that_answers_too_little_is_found_out(cache: ResponseCache, image: ImageFile) -> None:
    class Short(Counting):
        def respond(self, requests: Sequence[Request]) -> list[Response]:
            return [Response(text="one")]

    with pytest.raises(SampleError, match="the model gave 1 answers to 2 requests"):
        cached(Short(), cache, VERSIONS).respond([request(image), request(image, prompt="q")])
    assert cache.stock() == []


def test_answers_are_kept_as_they_come(cache: ResponseCache, image: ImageFile) -> None:
    model = Concurrent()
    found = cached(model, cache, VERSIONS)
    assert isinstance(found, ConcurrentModel)
    requests = [request(image, prompt=prompt) for prompt in ("one", "bad", "two")]
    stream = found.answers(requests)
    assert next(stream)[0] == 2
    assert [stock.entries for stock in cache.stock()] == [1], "kept before the next is waited for"
    assert dict(stream)[1] == "refused"
    model.asked.clear()
    assert sorted(index for index, _ in found.answers(requests)) == [0, 1, 2]
    assert model.asked == ["bad"], "a failure is not kept"
