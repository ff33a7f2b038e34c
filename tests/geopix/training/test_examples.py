"""What cannot be used: stopped, skipped or kept, by policy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geopix.training.drawing import Drawing
from geopix.training.examples import ATTEMPTS, Example, Examples
from geopix.training.schema import Defects
from geopix.training.turns import Lesson, Turn
from harness.masks import encode
from harness.records import ImageFile, Mask

EMPTY, FULL = (encode(np.full((8, 8), value)) for value in (False, True))


def ask(mask: Mask, name: str = "m1") -> Turn:
    return Turn("segment", "Segment it.", "It is <SEG>.", (mask,), ("ship",), id=name)


def lesson(folder: Path, name: str, *turns: Turn, whole: bool = True) -> Lesson:
    path = folder / f"{name}.png"
    Image.new("RGB", (8, 8)).save(path)
    if not whole:
        path.write_bytes(path.read_bytes()[:40])
    return Lesson(ImageFile(name, path), turns)


def examples(*lessons: Lesson, **policy: str) -> list[Example]:
    drawn = Examples(Drawing(lessons, 5, 0.0, 0), Defects.model_validate(policy), 0, len(lessons))
    return [drawn[place] for place in range(len(drawn))]


def test_a_good_sample_comes_as_it_is(tmp_path: Path) -> None:
    (only,) = examples(lesson(tmp_path, "a", ask(FULL)))
    assert (only.name, only.problem, only.skipped) == ("a (m1)", None, ())
    assert only.picture is not None


def test_an_empty_mask_stops_by_default(tmp_path: Path) -> None:
    (only,) = examples(lesson(tmp_path, "a", ask(EMPTY)))
    assert only.problem == "sample m1: its target's mask has no pixel"


def test_an_empty_mask_can_be_taught(tmp_path: Path) -> None:
    (only,) = examples(lesson(tmp_path, "a", ask(EMPTY)), mask="keep")
    assert (only.problem, only.skipped, len(only.turns)) == (None, (), 1)


def test_a_question_with_an_empty_mask_can_be_left_out(tmp_path: Path) -> None:
    (only,) = examples(lesson(tmp_path, "a", ask(EMPTY), ask(FULL, "m2")), mask="skip")
    assert [turn.id for turn in only.turns] == ["m2"]
    assert only.skipped == ("sample m1: its target's mask has no pixel",)


def test_a_damaged_mask_is_no_empty_one(tmp_path: Path) -> None:
    broken = ask(Mask((8, 8), "0"))
    assert "do not fill it" in str(examples(lesson(tmp_path, "a", broken), mask="keep")[0].problem)
    (only,) = examples(lesson(tmp_path, "b", broken, ask(FULL, "m2")), mask="skip")
    assert [turn.id for turn in only.turns] == ["m2"]


def test_another_sample_is_drawn_for_one_that_is_skipped(tmp_path: Path) -> None:
    drawn = examples(
        lesson(tmp_path, "a", ask(FULL), whole=False), lesson(tmp_path, "b", ask(FULL, "m2")), image="skip"
    )
    assert {example.image.id for example in drawn} == {"b"}
    assert any("a.png cannot be read" in reason for example in drawn for reason in example.skipped)


def test_when_nothing_can_be_used_the_run_stops(tmp_path: Path) -> None:
    (only,) = examples(lesson(tmp_path, "a", ask(EMPTY)), mask="skip")
    assert f"none of {ATTEMPTS} samples that were drawn can be used; the last one: sample m1" in str(only.problem)
    assert len(only.skipped) == ATTEMPTS


@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_a_missing_image_is_one_that_cannot_be_read(tmp_path: Path, policy: str) -> None:
    gone = lesson(tmp_path, "a", ask(FULL))
    gone.image.path.unlink()
    (only,) = examples(gone, image=policy)
    assert "a.png cannot be read: [Errno 2] No such file" in str(only.problem)
