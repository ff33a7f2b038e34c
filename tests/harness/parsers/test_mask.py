"""Masks in answers: the model's own and those it writes as JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SampleError
from harness.masks import from_runs
from harness.parsers.mask import MaskParser
from harness.records import Mask, Prediction, Response, Sample, Target

LEFT, TOP = from_runs((2, 2), [0, 2, 2]), from_runs((2, 2), [0, 1, 1, 1, 1])
BOTH = from_runs((2, 2), [0, 3, 1])
WIDE = from_runs((2, 4), [0, 4, 4])
SAMPLE = Sample("1", (), {}, Target(masks=(LEFT,)))


def as_json(mask: Mask) -> dict[str, object]:
    return {"size": list(mask.size), "counts": mask.counts}


def test_several_masks_are_united_or_the_first_is_kept() -> None:
    response = Response(text="Sure.", masks=(LEFT, TOP))
    assert MaskParser().parse(response, SAMPLE) == Prediction("ok", "2 masks, united", "Sure.", (BOTH,))
    first = Prediction("ok", "2 masks, the first kept", "Sure.", (LEFT,))
    assert MaskParser("first").parse(response, SAMPLE) == first
    assert MaskParser().parse(Response(masks=(LEFT,)), SAMPLE).reason is None


def test_the_true_masks_are_united() -> None:
    sample = Sample("1", (), {}, Target(texts=("a",), masks=(LEFT, TOP)))
    assert MaskParser("first").target(sample) == Target(texts=("a",), masks=(BOTH,))
    assert MaskParser().target(Sample("1", (), {}, Target())).masks == ()


@pytest.mark.parametrize("frame", ["%s", " %s\n", "```json\n%s\n```", "<think>Hm.</think>%s"])
def test_masks_written_as_json_are_read(frame: str) -> None:
    text = frame % json.dumps({"masks": [as_json(TOP)], "scores": [0.9]})
    assert MaskParser().parse(Response(text=text), SAMPLE).masks == (TOP,)


def test_the_models_own_masks_come_first() -> None:
    response = Response(text=json.dumps({"masks": [as_json(TOP)]}), masks=(LEFT,))
    assert MaskParser().parse(response, SAMPLE).masks == (LEFT,)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(), "the answer has no mask"),
        (Response(text='{"masks": []}'), "the answer has no mask"),
        (Response(text="There is no ship."), "the answer has no mask"),
        (Response(text="It is", reason="stopped before [SEG]"), "stopped before [SEG]"),
    ],
)
def test_an_answer_without_a_mask_is_empty(response: Response, reason: str) -> None:
    prediction = MaskParser().parse(response, SAMPLE)
    assert (prediction.status, prediction.reason, prediction.masks) == ("empty", reason, ())


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (
            Response(masks=(LEFT, WIDE)),
            "the mask has 2 x 4 pixels (height x width), the true mask 2 x 2. Resize predicted masks",
        ),
        (Response(masks=(Mask((2, 2), "5"),)), "expected 2 x 2 = 4 pixels, found 5"),
        (Response(masks=(Mask((2, 2), "~~"),)), "is no COCO run-length encoding"),
        (Response(text='{"masks": 5}'), "the answer's `masks` is not a list"),
        (Response(text='{"masks": [5]}'), "a mask needs `size`"),
        (Response(text='{"masks": ['), "the answer begins like JSON and is none"),
    ],
)
def test_a_mask_that_cannot_be_used_is_unparsed(response: Response, reason: str) -> None:
    prediction = MaskParser().parse(response, SAMPLE)
    assert prediction.status == "unparsed"
    assert reason in (prediction.reason or "")
    assert prediction.masks == ()


def test_masks_of_two_sizes_are_unparsed_even_without_a_true_mask() -> None:
    prediction = MaskParser().parse(Response(masks=(LEFT, WIDE)), Sample("1", (), {}, Target()))
    assert prediction.status == "unparsed"


def test_true_masks_of_two_sizes_are_an_error_of_the_data() -> None:
    with pytest.raises(
        SampleError, match=r"true masks differ in size: 2 x 4 pixels and 2 x 2 .* Correct the data set's masks"
    ):
        MaskParser().target(Sample("1", (), {}, Target(masks=(LEFT, WIDE))))


@given(text=st.text(max_size=30), counts=st.text(max_size=8), size=st.tuples(st.integers(-3, 9), st.integers(-3, 9)))
def test_nothing_that_a_model_gives_raises(text: str, counts: str, size: tuple[int, int]) -> None:
    assert MaskParser().parse(Response(text="{" + text), SAMPLE).status in ("unparsed", "empty")
    assert MaskParser().parse(Response(masks=(Mask(size, counts),)), SAMPLE).status in ("ok", "unparsed")
    written = json.dumps({"masks": [{"size": size, "counts": counts}]})
    assert MaskParser().parse(Response(text=written), SAMPLE).status in ("ok", "unparsed")
