"""Questions that follow each other image by image, over batches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geopix.adapter import GeoPixModel
from geopix.adapter import checkpoint as load
from geopix.predictor import Answer, GeoPix
from geopix.sessions import Session
from harness.errors import SampleError
from harness.records import ImageFile, Request


@pytest.fixture
def geopix(checkpoint: Path) -> GeoPix:
    return GeoPix.from_pretrained(checkpoint, device="cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        pixels = np.random.default_rng(number).integers(0, 255, (20 + number, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def looks_of(geopix: GeoPix) -> list[int]:
    """How many images each run of the vision tower reads, from now on."""
    seen: list[int] = []
    geopix.model.vision_tower.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    return seen


def assert_same(answers: Sequence[Answer], others: Sequence[Answer]) -> None:
    for answer, other in zip(answers, others, strict=True):
        assert (answer.text, answer.tokens, answer.reason) == (other.text, other.tokens, other.reason)
        assert answer.masks.tolist() == other.masks.tolist()


def test_an_image_with_a_hundred_questions_is_looked_at_once(checkpoint: Path, pictures: list[Path]) -> None:
    model = load(str(checkpoint), {"device": "cpu", "batch_size": "16"})
    generation = {"max_new_tokens": 2, "temperature": 0.0, "top_p": 1.0}
    requests = [
        Request(f"{number}", (ImageFile("0", pictures[0]),), f"Is there a ship {number}?", "vqa", generation)
        for number in range(100)
    ]
    seen = looks_of(model.geopix)
    for start in range(0, 100, model.batch_size):
        model.respond(requests[start : start + model.batch_size])
    assert seen == [1]


def test_answers_are_those_of_each_question_alone(geopix: GeoPix, pictures: list[Path]) -> None:
    counts = (1, 5, 1, 3)
    requests = [
        (path, f"Segment the {'small ' * number}ship.")
        for path, count in zip(pictures, counts, strict=True)
        for number in range(count)
    ]
    session, answers = Session(geopix), []
    for start in range(0, len(requests), 3):
        answers += session.respond_batch(requests[start : start + 3], max_new_tokens=8, task="segment")
    alone = [geopix.respond(path, text, max_new_tokens=8, task="segment") for path, text in requests]
    assert_same(answers, alone)
    assert len({answer.text for answer in alone}) > 1


def test_a_session_that_begins_in_the_middle_gives_the_same_answers(geopix: GeoPix, pictures: list[Path]) -> None:
    first = [(pictures[0], "Is it?"), (pictures[1], "Is it?")]
    second = [(pictures[1], "Where is the ship?"), (pictures[2], "Is it?")]
    whole = Session(geopix)
    whole.respond_batch(first, max_new_tokens=8)
    seen = looks_of(geopix)
    assert_same(whole.respond_batch(second, max_new_tokens=8), Session(geopix).respond_batch(second, max_new_tokens=8))
    assert seen == [1, 1, 1]  # one image was kept, and none when beginning anew


def test_no_question_has_no_answer_and_a_bad_one_is_refused(geopix: GeoPix, pictures: list[Path]) -> None:
    session = Session(geopix)
    assert session.respond_batch([]) == []
    with pytest.raises(SampleError, match="question 2 of 2 is empty"):
        session.respond_batch([(pictures[0], "Is it?"), (pictures[0], " ")])
    with pytest.raises(SampleError, match="none.png: cannot be read as a picture"):
        session.respond_batch([(pictures[0].with_name("none.png"), "Is it?")])


def test_each_model_of_the_harness_has_a_session_of_its_own(checkpoint: Path) -> None:
    models: list[GeoPixModel] = [load(str(checkpoint), {"device": "cpu"}) for _ in range(2)]
    assert models[0].session is not models[1].session
