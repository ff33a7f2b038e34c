"""A model of ours in another harness: no sample ends the run, and nothing is lost on the way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from harness.errors import EnvironmentProblem, SampleError
from harness.exchange.lmms_eval.answering import answered
from harness.exchange.lmms_eval.wire import is_ours, pack_response, unpack_response
from harness.models.room import Room
from harness.records import Mask, Request, Response


def requests(*ids: str) -> list[Request]:
    return [Request(sample_id, (), "?", "vqa", {}) for sample_id in ids]


@dataclass(frozen=True)
class Model:
    """Says each sample's id; fails on those whose ids say so."""

    asked: list[int] = field(default_factory=list)
    name: str = "m"
    digest: str = "1"
    settings: Mapping[str, str] = field(default_factory=dict)
    reads_images: bool = False
    batch_size: int = 8

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        self.asked.append(len(requests))
        for request in requests:
            match request.sample_id:
                case "torn":
                    raise SampleError("image torn: cannot be read")
                case "bug":
                    raise KeyError("bug")
                case "large" if len(requests) > 1:
                    raise RuntimeError("CUDA out of memory")
        return [Response(request.sample_id) for request in requests]


@dataclass(frozen=True)
class Concurrent(Model):
    """Answers the last request first, and "silent" never."""

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | str]]:
        for index in reversed(range(len(requests))):
            match requests[index].sample_id:
                case "silent":
                    continue
                case "gone":
                    raise EnvironmentProblem("nobody is there")
                case "late":
                    yield index, "did not answer in time"
                case said:
                    yield index, Response(said)


def said(responses: Sequence[Response]) -> list[tuple[str, str | None]]:
    return [(response.text, response.reason) for response in responses]


def test_a_batch_that_fails_is_asked_one_by_one() -> None:
    model = Model()
    assert said(answered(model, Room(8), requests("a", "torn", "bug", "b"))) == [
        ("a", None), ("", "image torn: cannot be read"), ("", "KeyError: 'bug'"), ("b", None),
    ]  # fmt: skip
    assert model.asked == [4, 1, 1, 1, 1]


def test_a_batch_that_does_not_fit_is_halved() -> None:
    model, room = Model(), Room(8)
    assert said(answered(model, room, requests("a", "b", "c", "large"))) == [
        ("a", None), ("b", None), ("c", None), ("large", None),
    ]  # fmt: skip
    assert model.asked == [4, 2, 2, 1, 1]
    assert room.size == 1


def test_answers_that_come_in_any_order_are_put_in_theirs() -> None:
    assert said(answered(Concurrent(), Room(8), requests("a", "late", "silent", "b"))) == [
        ("a", None), ("", "did not answer in time"), ("", "the model gave no answer"), ("b", None),
    ]  # fmt: skip
    with pytest.raises(EnvironmentProblem, match="nobody is there"):
        answered(Concurrent(), Room(8), requests("a", "gone"))


def test_what_scores_depend_on_passes_through_a_string() -> None:
    whole = Response("It is <SEG>.", (Mask((30, 40), "`U1"),), ((1.0, 2.0, 3.0, 4.0),), reason="cut off",
                     box_family="qwen2_5_vl", seen=(28, 42))  # fmt: skip
    assert unpack_response(pack_response(whole)) == whole
    assert unpack_response(pack_response(Response(reason="no memory"))) == Response(reason="no memory")
    assert pack_response(Response("yes", seconds=1.0, tokens=3)) == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "yes", "[1, 2", '{"text": "yes"}', '{"geopix_answer": 1, "masks": 5}', '{"geopix_answer": 1, "seen": [0, 0]}',
        '{"geopix_answer": 1, "boxes": [[1, 2]]}',
    ],
)  # fmt: skip
def test_what_we_did_not_write_is_words(text: str) -> None:
    assert unpack_response(text) == Response(text)


def test_another_harness_s_own_documents_are_told_from_ours() -> None:
    assert is_ours({"sample": "{}", "prompt": "?", "images": [], "target": "", "capability": "vqa"})
    assert not is_ours({"question": "?", "answer": "A", "image": None})
