"""Grounded captions: words without marks, one mask a mark."""

import pytest

from harness.errors import SampleError
from harness.masks import from_runs
from harness.parsers.grounded_caption import GroundedCaptionParser
from harness.records import Prediction, Response, Sample, Target

LEFT, TOP = from_runs((2, 2), [0, 2, 2]), from_runs((2, 2), [0, 1, 1, 1, 1])
MARKED = "<think>Ships.</think>A <p> ship </p> [SEG] lies at <p>a quay</p> <SEG> ."
SAMPLE = Sample("1", (), {}, Target(texts=(MARKED,), masks=(LEFT, TOP)))


def test_the_caption_has_no_marks_and_the_masks_their_order() -> None:
    prediction = GroundedCaptionParser().parse(Response(text=MARKED, masks=(TOP, LEFT)), SAMPLE)
    assert prediction == Prediction("ok", text="A ship lies at a quay.", masks=(TOP, LEFT))


def test_the_reference_is_read_by_the_same_rules() -> None:
    assert GroundedCaptionParser().target(SAMPLE) == Target(texts=("A ship lies at a quay.",), masks=(LEFT, TOP))


def test_a_caption_without_a_mask_keeps_its_words() -> None:
    prediction = GroundedCaptionParser().parse(Response(text="A ship. There is no target."), SAMPLE)
    assert prediction == Prediction("ok", text="A ship. There is no target.")


@pytest.mark.parametrize("text", ["", "<think>nothing yet"])
def test_no_words_and_no_masks_are_empty(text: str) -> None:
    prediction = GroundedCaptionParser().parse(Response(text=text), SAMPLE)
    assert (prediction.status, prediction.text) == ("empty", None)


def test_marks_without_masks_are_unparsed() -> None:
    prediction = GroundedCaptionParser().parse(Response(text=MARKED), SAMPLE)
    assert prediction.status == "unparsed"
    assert prediction.reason == "the answer marks with [SEG] and holds no mask"


def test_boxes_may_stand_in_for_the_masks() -> None:
    prediction = GroundedCaptionParser().parse(Response(text="A ship.", boxes=((0, 0, 1, 2),)), SAMPLE)
    assert (prediction.masks, prediction.text) == ((LEFT,), "A ship.")
    assert prediction.stand_in == "its boxes, filled"


def test_true_masks_of_two_sizes_are_an_error_of_the_data() -> None:
    with pytest.raises(SampleError, match="2 x 4 pixels"):
        GroundedCaptionParser().target(Sample("1", (), {}, Target(masks=(LEFT, from_runs((2, 4), [8])))))
