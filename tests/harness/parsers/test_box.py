"""Boxes in answers: spellings, frames, and everything that must not be read by luck."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.errors import ConfigurationError, SampleError
from harness.masks import box_of, empty, from_runs
from harness.parsers.box import FROM_MASKS, BoxParser
from harness.parsers.mask import MaskParser
from harness.records import ImageFile, Prediction, Response, Sample, Target

BARE = Sample("1", (), {}, Target())


def read(text: str, sample: Sample = BARE, **options: Any) -> Prediction:
    usual = {} if "frame" in options or "family" in options else {"frame": "0-100"}
    return BoxParser(**{"scored_in": "0-100", **usual, **options}).parse(Response(text=text), sample)


@pytest.fixture
def wide(tmp_path: Path) -> Sample:
    path = tmp_path / "wide.png"
    Image.new("RGB", (200, 100)).save(path)
    return Sample("1", (ImageFile("wide", path),), {}, Target())


@pytest.mark.parametrize(
    "text",
    [
        "{<10><20><30><40>}",
        "It is at {<10><20><30><40>}.",
        "{ <10> <20> <30> <40> }",
        "[10, 20, 30, 40]",
        "[[10, 20, 30, 40]]",
        "<box>[[10,20,30,40]]</box>",
        "<ref>the ship</ref><box>[[10, 20, 30, 40]]</box>",
        "<|box_start|>(10,20),(30,40)<|box_end|>",
        "<box>(10, 20), (30, 40)</box>",
        '```json\n[\n\t{"bbox_2d": [10, 20, 30, 40], "label": "ship"}\n]\n```',
        '{"boxes": [[10, 20, 30, 40]], "scores": [0.9]}',
        "(10, 20, 30, 40)",
        "10 20 30 40",
        "10.0, 20.0, 30.0, 40.0.",
        "<think>{<1><2><3><4>} or {<5><6><7><8>}?</think>{<10><20><30><40>}",
        "<think>long</think><explicit>the car [1]</explicit><answer>[10,20,30,40]</answer>",
        "[1] shows it: [10, 20, 30, 40]",
        "[10, 20, 30, 20, 30, 40, 10, 40]",
        "[[10, 20], [30, 20], [30, 40], [10, 40]]",
        "[[10, 20], [30, 40]]",
    ],
)
def test_every_spelling_is_read(text: str) -> None:
    assert read(text).boxes == ((10.0, 20.0, 30.0, 40.0),)


@pytest.mark.parametrize(
    ("family", "text", "frame"),
    [
        ("geopix", "{<10><20><30><40>}", "0-100"),
        ("minigpt", "{<10><20><30><40>}", "0-100"),
        ("geochat", "{<10><20><30><40>|<0>}", "0-100"),
        ("earthdial", "[[10, 20, 30, 40, 0]]", "0-100"),
        ("qwen_vl", "<box>(100,200),(300,400)</box>", "0-1000"),
        ("qwen3_vl", '{"bbox_2d": [100, 200, 300, 400]}', "0-1000"),
        ("internvl", "<box>[[100, 200, 300, 400]]</box>", "0-1000"),
        ("llava", "[0.10, 0.20, 0.30, 0.40]", "0-1"),
        ("paligemma", "<loc0200><loc0100><loc0400><loc0300> ship", "0-1024"),
    ],
)
def test_families_bring_their_own_frame(family: str, text: str, frame: str) -> None:
    found = read(text, family=family)
    scale = {"0-1": 0.01, "0-100": 1, "0-1000": 10, "0-1024": 10.24}[frame]
    expected = [10, 20, 30, 40] if frame != "0-1024" else [100 / scale, 200 / scale, 300 / scale, 400 / scale]
    assert found.boxes[0] == pytest.approx(expected)
    assert found.text is not None
    assert found.text.endswith(f"counted in {frame}")


def test_a_model_says_how_it_writes_boxes_and_the_task_is_overruled() -> None:
    parser = BoxParser(family="geochat", scored_in="0-100")
    said = Response(text="<box>[[100, 200, 300, 400]]</box>", box_family="internvl")
    assert parser.parse(said, BARE).boxes == ((10.0, 20.0, 30.0, 40.0),)
    with pytest.raises(SampleError, match="unknown family of boxes 'intern'. Did you mean 'internvl'"):
        parser.parse(Response(text="", box_family="intern"), BARE)


def test_pixels_of_the_picture_that_the_model_saw_are_counted_back(wide: Sample) -> None:
    # Of the stored 200 x 100 pixels the model saw 50 x 20.
    said = Response(text='{"bbox_2d": [10, 5, 50, 20]}', box_family="qwen2_5_vl", seen=(20, 50))
    assert BoxParser().parse(said, wide).boxes == ((40.0, 25.0, 200.0, 100.0),)
    assert BoxParser(scored_in="0-100").parse(said, BARE).boxes == ((20.0, 25.0, 100.0, 100.0),)
    # What lies in the stored image and not in the picture seen is out of its frame.
    outside = BoxParser().parse(replace(said, text="[10, 5, 60, 20]"), wide)
    assert outside.reason == "a coordinate of 60 is out of its frame, 0 to 50, in '[10, 5, 60, 20]'"
    assert BoxParser().parse(replace(said, box_family="internvl"), wide).boxes == ((2.0, 0.5, 10.0, 2.0),)
    with pytest.raises(SampleError, match="needs the image's size, and the sample has no image"):
        BoxParser().parse(said, BARE)
    mask = MaskParser().parse(said, replace(wide, target=Target(masks=(empty((100, 200)),)))).masks[0]
    assert box_of(mask) == (40.0, 25.0, 200.0, 100.0)


def test_an_unknown_family_in_a_task_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="parser 'box': unknown family 'geochatt'. Did you mean 'geochat'"):
        BoxParser(family="geochatt")


def test_four_numbers_may_be_a_corner_and_a_size_or_begin_with_y() -> None:
    assert read("[10, 20, 30, 40]", order="xywh").boxes == ((10.0, 20.0, 40.0, 60.0),)
    assert read("[10, 20, 30, 40]", order="yxyx").boxes == ((20.0, 10.0, 40.0, 30.0),)


def test_a_turned_box_becomes_the_upright_one_around_it(wide: Sample) -> None:
    assert read("{<40><40><60><60>|<45>}", family="geochat").boxes[0] == pytest.approx(
        [35.858, 35.858, 64.142, 64.142], abs=1e-3
    )
    # 20 x 20 hundredths are 40 x 20 pixels here: a quarter turn makes them 20 x 40.
    turned = read("{<40><40><60><60>|<90>}", wide, family="geochat", scored_in="pixels")
    assert turned.boxes[0] == pytest.approx((90, 30, 110, 70))
    assert turned.text == "1 box, spelt as braces, turned and made upright, counted in 0-100"


def test_a_turned_box_at_the_edge_stays_in_the_image() -> None:
    assert read("{<0><0><10><40>|<90>}", family="geochat").boxes[0] == pytest.approx((0, 15, 25, 25))


def test_shares_become_pixels_of_the_image(wide: Sample) -> None:
    assert read("[0.1, 0.2, 0.5, 1]", wide, frame="0-1", scored_in="pixels").boxes == ((20.0, 20.0, 100.0, 100.0),)
    assert read("[20, 20, 100, 100]", wide, frame="pixels").boxes == ((10.0, 20.0, 50.0, 100.0),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[30, 20, 10, 40]", "the corners are swapped: x goes from 30 to 10"),
        ("[10, 40, 30, 20]", "the corners are swapped: y goes from 40 to 20"),
        ("[10, 20, 30]", "expected the four numbers of a box, found 3"),
        ("{<10><20><30>}", "expected the four numbers of a box, found 3"),
        ("{<10><20><30><40><50>}", "expected the four numbers of a box, found 5"),
        ("[10, 20, 30, 40, 50]", "found 5 in .*; a fifth is read as an angle only where the task or the model says so"),
        ("<loc0010><loc0020><loc0030>", "expected the four numbers of a box, found 3"),
        ("[10, 20, 30, 400]", "a coordinate of 400 is out of its frame, 0 to 100"),
        ("[-10, 20, 30, 40]", "a coordinate of -10 is out of its frame"),
        ("{<10><\u221220><30><40>}", "a coordinate of -20 is out of its frame"),
        ("[NaN, 20, 30, 40]", "a number of the box is not finite"),
        ("[10, 20, Infinity, 40]", "a number of the box is not finite"),
        ("[10, 20, 30, 1e999]", "a number of the box is not finite"),
        ("[0.1, 0.2, 0.3, 0.4]", r"look like shares of the image's sides, .*counted in 0-100.*Declare the frame 0-1"),
        ("There are 4 ships at 10, 20 and 30", "expected a box, found 'There are 4 ships"),
        ("There is no such object.", "expected a box, found 'There is no such object.'"),
    ],
)
def test_what_cannot_be_read_is_unparsed_with_its_reason(text: str, reason: str) -> None:
    found = read(text)
    assert (found.status, found.boxes) == ("unparsed", ())
    assert re.search(reason, found.reason or "")


def test_pixels_beyond_the_image_are_unparsed(wide: Sample) -> None:
    found = read("[10, 20, 201, 40]", wide, frame="pixels", scored_in="pixels")
    assert found.reason == "a coordinate of 201 is out of its frame, 0 to 200, in '[10, 20, 201, 40]'"
    below = read("[-1, 20, 30, 40]", frame="pixels", scored_in="pixels")
    assert below.reason == "a coordinate of -1 lies outside the image in '[-1, 20, 30, 40]'"


@pytest.mark.parametrize("text", ["", "  \n", "<think>{<1><2><3><4>}</think>", "<think>{<1><2><3><4>}"])
def test_nothing_answered_is_empty(text: str) -> None:
    assert read(text) == Prediction("empty", "the answer is empty")


def test_several_boxes_are_kept_or_the_first_is() -> None:
    text = "{<10><20><30><40>}{<50><60><70><80>}"
    first, both = read(text), read(text, several="all")
    assert first.boxes == ((10.0, 20.0, 30.0, 40.0),)
    assert first.text == "2 boxes, spelt as braces, counted in 0-100; the first of 2 is kept"
    assert both.boxes == ((10.0, 20.0, 30.0, 40.0), (50.0, 60.0, 70.0, 80.0))


def test_boxes_given_as_numbers_go_first(wide: Sample) -> None:
    parser = BoxParser(frame="0-100", scored_in="0-100")
    found = parser.parse(Response(text="{<1><1><2><2>}", boxes=((20.0, 20.0, 100.0, 80.0),)), wide)
    assert found.boxes == ((10.0, 20.0, 50.0, 80.0),)
    assert found.text == "1 box, given as numbers"
    swapped = parser.parse(Response(boxes=((100.0, 20.0, 20.0, 80.0),)), wide)
    assert swapped.status == "unparsed"


def test_a_model_without_boxes_is_scored_by_its_masks_and_that_is_said(wide: Sample) -> None:
    mask = from_runs((100, 200), [10 * 100 + 20, 30, 70, 30, 20000 - 1150])
    found = BoxParser().parse(Response(text="It is <SEG>.", masks=(mask,)), wide)
    assert found.boxes == ((10.0, 20.0, 12.0, 50.0),)
    assert found.stand_in == FROM_MASKS
    nothing = BoxParser().parse(Response(masks=(empty((100, 200)),)), wide)
    assert nothing == Prediction("empty", "the answer speaks no box, and its masks have no pixel")
    hostile = BoxParser().parse(Response(masks=(mask.__class__((100, 200), "5"),)), wide)
    assert hostile.status == "unparsed"


def test_a_sample_without_an_image_fails_where_its_size_is_needed() -> None:
    with pytest.raises(SampleError, match="needs the image's size, and the sample has no image"):
        read("[10, 20, 30, 40]", scored_in="pixels")


def test_a_picture_that_cannot_be_opened_fails_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    sample = Sample("1", (ImageFile("x", tmp_path / "x.png"),), {}, Target())
    with pytest.raises(SampleError, match=r"image x: .*x\.png cannot be read: .*Check or replace the file"):
        read("[10, 20, 30, 40]", sample, scored_in="pixels")


def test_a_swapped_true_box_is_the_data_sets_mistake() -> None:
    with pytest.raises(SampleError, match="the corners are swapped: x goes from 9 to 3 in \"the data set's own box"):
        BoxParser().target(Sample("1", (), {}, Target(boxes=((9.0, 1.0, 3.0, 4.0),))))


def test_lmms_evals_lists_are_read_alike_and_its_zeros_are_unparsed(shared: Path) -> None:
    cases = json.loads((shared / "parity/metrics/box_cases.json").read_bytes())["parse_float_sequence_within"]
    ours_alone = {"(0.1,0.2,0.3,0.4)", "[.1,.2,.3,.4]", "{<25><40><33><60>}"}  # spellings that lmms-eval does not know
    for case in cases:
        scale = max([1.0, *case["out"]])
        found = read(case["text"], frame="0-1" if scale <= 1 else "0-100", scored_in="0-1" if scale <= 1 else "0-100")
        if any(case["out"]):
            assert list(found.boxes[0]) == case["out"]
        elif case["text"] not in ours_alone:
            assert found.status in ("unparsed", "empty")


def test_real_answers_with_turned_boxes_are_read(shared: Path) -> None:
    parser = BoxParser(family="earthdial", scored_in="0-100", several="all")
    lines = (shared / "data/earthdial/rs_detection__GeoChat.jsonl").read_text().splitlines()
    assert len(lines) == 7593
    for line in lines[::5]:
        row = json.loads(line)
        for text in (row["answer"], row["gt_bbox"]):
            found = parser.parse(Response(text=text), BARE)
            assert found.status == "ok", (text, found.reason)
            assert len(found.boxes) == len(re.findall(r"\[-?\d[^\]]*\]", text))  # the last may be cut off


def test_a_turned_box_may_reach_beyond_the_image_before_it_is_turned_and_its_middle_may_not() -> None:
    assert read("{<-10><10><30><20>|<90>}", family="geochat").boxes[0] == pytest.approx((5, 0, 15, 35))
    lost = read("{<90><10><130><20>|<90>}", family="geochat")
    assert lost.reason == "a coordinate of 110 is out of its frame, 0 to 100, in '{<90><10><130><20>|<90>}'"
    assert read("{<30><10><10><20>|<90>}", family="geochat").status == "unparsed"


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3" + " " * 50_000 + "x",
        "[1, 2, 3, 4" + " " * 50_000 + "x",
        "(1, 2)" + " " * 50_000 + "x",
        "{<1><2>" + " " * 50_000 + "x",
        "[[1, 2], " * 20_000,
        "{" * 50_000,
        "<answer>" * 20_000,
        "1" * 50_000,
        "<loc0001>" * 20_001,
    ],
)
def test_long_answers_are_read_in_good_time(text: str) -> None:
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 6  # minutes, where time grows with the square


@given(st.text(alphabet="0123456789.,-+eE[](){}<>| lobxnaif\u2212\n", max_size=80))
def test_no_text_breaks_the_parser(text: str) -> None:
    found = read(text, several="all")
    assert found.status in ("ok", "unparsed", "empty")
    assert all(0 <= box[0] <= box[2] <= 100 and 0 <= box[1] <= box[3] <= 100 for box in found.boxes)
