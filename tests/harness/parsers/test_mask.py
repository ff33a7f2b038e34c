"""Masks in answers: the model's own and those it writes as JSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.errors import SampleError
from harness.masks import from_runs
from harness.parsers.mask import MaskParser
from harness.records import ImageFile, Mask, Prediction, Response, Sample, Target

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
        (Response(text='{"answer": 5}'), "the answer has no mask"),
        (Response(text="[SEG", boxes=()), "the answer has no mask"),
        (Response(text="[1, 2"), "the answer has no mask"),
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
        (Response(text='[{"size": [2, 2], "counts": "5"}]'), "expected 2 x 2 = 4 pixels, found 5"),
        (Response(text='{"masks": ['), "the answer begins like JSON and is none"),
        (Response(text='{"polygons": {}}'), "the answer's `polygons` is not a list"),
        (Response(text="[1, 2, 3, 4, 5]"), "a polygon needs three corners or more, x and y each; found 5 numbers"),
        (Response(text="It is at (1, 2, 3)."), "expected the four numbers of a box, found 3"),
        (Response(text='[[1, 2, "x"]]'), "neither lists of numbers nor lists of points"),
        (Response(text="[[1e9, 0, 1, 0, 1, 1]]"), "a polygon's corner is not within"),
        (Response(text="Sure, it is [SEG] and [SEG]."), "the answer marks with [SEG] and holds no mask"),
        (Response(text="<seg1>"), "the answer marks with <seg1> and holds no mask"),
        (Response(boxes=((1, 1, 0, 0),)), "the corners are swapped: x goes from 1 to 0"),
    ],
)
def test_a_mask_that_cannot_be_used_is_unparsed(response: Response, reason: str) -> None:
    prediction = MaskParser().parse(response, SAMPLE)
    assert prediction.status == "unparsed"
    assert reason in (prediction.reason or "")
    assert prediction.masks == ()


@pytest.mark.parametrize(
    "text",
    [
        "[0, 0, 1, 0, 1, 2, 0, 2]",
        "[[0, 0, 1, 0, 1, 2, 0, 2]]",
        "[[0, 0], [1, 0], [1, 2], [0, 2]]",
        "[[[0, 0], [1, 0], [1, 2], [0, 2]]]",
        '{"polygons": [[0, 0, 1, 0, 1, 2, 0, 2]]}',
        '{"segmentation": [[0, 0], [1.0, 0], [1, 2], [0, 2]]}',
        '```json\n{"polygons": [[0, 0, 1, 0, 1, 2, 0, 2]]}\n```',
        "The ship is (0, 0), (1, 0), (1, 2), (0, 2).",
        "<think>(5, 5), (9, 9), (9, 5)</think> It is [0, 0], [1, 0], [1, 2], [0, 2]",
    ],
)
def test_polygons_in_words_are_filled(text: str) -> None:
    assert MaskParser().parse(Response(text=text), SAMPLE) == Prediction("ok", text=text, masks=(LEFT,))


@pytest.mark.parametrize(("frame", "half", "whole"), [("0-1", 0.5, 1), ("0-100", 50, 100), ("0-1000", 500, 1000)])
def test_polygons_may_be_told_across_the_image(frame: Any, half: float, whole: float) -> None:
    text = json.dumps([[0, 0, half, 0, half, whole, 0, whole]])
    assert MaskParser(frame=frame).parse(Response(text=text), SAMPLE).masks == (LEFT,)


def test_polygons_need_the_size_of_the_image() -> None:
    prediction = MaskParser().parse(Response(text="[0, 0, 1, 0, 1, 1]"), Sample("1", (), {}, Target()))
    assert prediction.reason == "the answer's polygons cannot be drawn: the size of the image is not known"


@pytest.mark.parametrize(
    "text", [json.dumps({"size": [2, 2], "counts": [0, 2, 2]}), '[{"size": [2, 2], "counts": "022"}]']
)
def test_a_bare_mask_and_a_list_of_masks_are_read(text: str) -> None:
    assert MaskParser().parse(Response(text=text), SAMPLE).masks == (LEFT,)


def test_boxes_stand_in_for_masks_and_the_record_says_so() -> None:
    prediction = MaskParser().parse(Response(text="It is here.", boxes=((0, 0, 1, 2),)), SAMPLE)
    assert prediction == Prediction("ok", text="It is here.", masks=(LEFT,), stand_in="its boxes, filled")
    assert MaskParser().parse(Response(boxes=((0, 0, 1, 2),), masks=(TOP,)), SAMPLE).stand_in is None


@pytest.mark.parametrize(
    "text",
    [
        "The ship is at [0, 0, 1, 2].",
        "[0, 0, 1, 2]",
        '[{"bbox_2d": [0, 0, 1, 2], "label": "ship"}]',
        "<think>[0, 0, 2, 2]</think>(0, 0, 1, 2)",
    ],
)
def test_boxes_in_words_stand_in_for_masks(text: str) -> None:
    prediction = MaskParser().parse(Response(text=text), SAMPLE)
    assert (prediction.masks, prediction.stand_in) == ((LEFT,), "its boxes, filled")


def test_boxes_in_hundredths_need_the_picture(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "1.png")
    sample = replace(SAMPLE, images=(ImageFile("1", tmp_path / "1.png"),))
    response = Response(text="It is {<0><0><50><100>}.", box_family="geopix")
    prediction = MaskParser().parse(response, sample)
    assert (prediction.masks, prediction.stand_in) == ((LEFT,), "its boxes, filled")
    assert MaskParser(frame="0-100").parse(Response(text="[0, 0, 50, 100]"), sample).masks == (LEFT,)


@pytest.mark.parametrize("text", ["[REJ]", "There is no target object in the image.", "<think>[SEG]</think>NO TARGET"])
def test_an_answer_may_say_that_there_is_no_target(text: str) -> None:
    assert MaskParser().parse(Response(text=text), SAMPLE) == Prediction("ok", text=text, no_target=True)
    assert MaskParser().parse(Response(text=text, masks=(LEFT,)), SAMPLE).no_target is None


def test_each_mask_is_kept_apart_where_a_metric_pairs_them() -> None:
    sample = Sample("1", (), {}, Target(masks=(LEFT, TOP)))
    assert MaskParser("each").parse(Response(masks=(TOP, LEFT)), sample).masks == (TOP, LEFT)
    assert MaskParser("each").target(sample).masks == (LEFT, TOP)


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
