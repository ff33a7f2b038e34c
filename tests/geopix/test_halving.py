"""A device without memory: the batch is halved, the user told, and one question too many is a clear error."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from geopix.halving import FittingBatch, MemoryShortage
from geopix.predictor import GeoPix
from harness.errors import EnvironmentProblem


@dataclass
class Device:
    """Answers with the letters in capitals, at most `room` at a time."""

    room: int
    error: type[Exception] = torch.OutOfMemoryError
    words: str = "CUDA out of memory."
    sizes: list[int] = field(default_factory=list)

    def respond(self, batch: Sequence[str]) -> list[str]:
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise self.error(self.words)
        return [word.upper() for word in batch]


def test_a_batch_that_does_not_fit_is_halved_and_the_size_remembered() -> None:
    device, fitting = Device(room=3), FittingBatch()
    with pytest.warns(MemoryShortage) as told:
        assert fitting.ask(device.respond, "abcdefgh") == list("ABCDEFGH")
    assert device.sizes == [8, 4, 2, 2, 2, 2]
    assert [str(warning.message) for warning in told] == [
        "no memory on the device for 8 questions at once; from here on 4 are asked at a time",
        "no memory on the device for 4 questions at once; from here on 2 are asked at a time",
    ]
    assert fitting.ask(device.respond, "xyz") == list("XYZ")
    assert device.sizes[6:] == [2, 1]
    assert fitting.ask(device.respond, "") == []


def test_one_question_that_does_not_fit_is_a_clear_error() -> None:
    with (
        pytest.warns(MemoryShortage),
        pytest.raises(EnvironmentProblem, match=r"no memory for a single question\. Use another device \(--device cpu"),
    ):
        FittingBatch().ask(Device(room=0).respond, "ab")


def test_python_without_memory_is_a_shortage_too() -> None:
    with pytest.warns(MemoryShortage):
        assert FittingBatch().ask(Device(room=1, error=MemoryError).respond, "ab") == ["A", "B"]


@pytest.mark.parametrize(
    "words", ["MPS backend out of memory (..)", "[enforce fail] DefaultCPUAllocator: can't allocate memory"]
)
def test_a_shortage_is_recognised_where_torch_has_no_error_for_it(words: str) -> None:
    device = Device(room=1, error=RuntimeError, words=words)
    with pytest.warns(MemoryShortage):
        assert FittingBatch().ask(device.respond, "ab") == ["A", "B"]


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"):
        FittingBatch().ask(Device(room=0, error=RuntimeError, words="shapes differ").respond, "ab")


def test_the_predictor_halves_and_answers_as_before(checkpoint: Path) -> None:
    geopix = GeoPix.from_pretrained(checkpoint, device="cpu")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    texts = ["Segment the ship.", "Is it?", "Segment the small ship on the left."]
    before = geopix.respond_many(image, texts, max_new_tokens=4)
    looked = geopix.look(image)

    def refuse(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if len(args[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    geopix.model.get_output_embeddings().register_forward_pre_hook(refuse)
    with pytest.warns(MemoryShortage):
        after = geopix.respond_many(image, texts, max_new_tokens=4)
    assert [answer.text for answer in after] == [answer.text for answer in before]
    assert geopix.fitting.most == 1
    # A picture that was looked at asks within what is known to fit.
    assert [answer.text for answer in looked.respond(texts, max_new_tokens=4)] == [answer.text for answer in before]
