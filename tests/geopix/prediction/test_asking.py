"""Questions about pictures and scenes: batches, tiles made whole, failures of one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geopix.prediction.asking import Finished, Manner, Questioner
from geopix.prediction.inputs import InputImage, Question
from geopix.prediction.scenes import Reading
from geopix.prediction.stretch import ValueRange
from geopix.prediction.tiles import Tiling, Window
from harness.masks import decode

RED = Question("Segment red.", "segment")


def ask(model: Any, path: Path, *questions: Question, **manner: Any) -> list[Finished]:
    return list(Questioner(model, Manner(**manner)).answers([(InputImage(path, path.name), questions)]))


@pytest.fixture
def pictures(tmp_path: Path, paint: Any) -> list[InputImage]:
    found = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.moveaxis(paint(20, 30, ("red", number, 2, number + 4, 7)), 0, -1)).save(path)
        found.append(InputImage(path, path.name))
    return found


def test_pictures_and_questions_go_in_batches_of_one_task(by_colour: Any, pictures: Sequence[InputImage]) -> None:
    questions = [RED, Question("Where is red?", "refer")]
    done: list[int] = []
    found = list(Questioner(by_colour, Manner(batch_size=2), done.append).answers([(p, questions) for p in pictures]))
    assert sorted(map(len, by_colour.asked)) == [1, 1, 2, 2]
    assert sum(done) == 6
    assert by_colour.options == {"task": "refer", "max_new_tokens": 256, "memory_class": None}
    by_name = {(item.image.name, item.question.task): item for item in found}
    for number in range(3):
        segmented, referred = by_name[f"{number}.png", "segment"], by_name[f"{number}.png", "refer"]
        box = (number, 2, number + 4, 7)
        assert [mask.area for mask in segmented.masks] == [20]
        assert (segmented.boxes, segmented.box_source, segmented.text) == ((box,), "masks", "It is <SEG>.")
        assert (referred.boxes, referred.box_source, referred.masks) == ((box,), "text", ())
        assert segmented.status == referred.status == "ok"


def test_a_scene_by_tiles_has_the_masks_it_has_as_a_whole(by_colour: Any, write_geotiff: Any, paint: Any) -> None:
    parts = (("red", 5, 5, 95, 20), ("red", 40, 40, 44, 43), ("red", 0, 60, 100, 90), ("blue", 30, 65, 70, 85))
    path = write_geotiff(paint(100, 101, *parts))
    (whole,) = ask(by_colour, path, RED)
    (tiled,) = ask(by_colour, path, RED, tiling=Tiling(32, 8), batch_size=5)
    assert len(tiled.tiles) == 16
    assert {size for batch in by_colour.asked[1:] for size in batch} == {(32, 32)}
    assert sorted(map(len, by_colour.asked[1:])) == [1, 5, 5, 5]
    areas = {(mask.window, mask.area) for mask in tiled.masks}
    assert areas == {
        (Window(5, 5, 90, 15), 1350),
        (Window(40, 40, 4, 3), 12),
        (Window(0, 60, 100, 30), 3000 - 800),
    }
    assert areas == {(mask.window, mask.area) for mask in whole.masks}
    assert {mask.to_rle() for mask in tiled.masks} == {mask.to_rle() for mask in whole.masks}
    assert set(tiled.boxes) == {(5, 5, 95, 20), (40, 40, 44, 43), (0, 60, 100, 90)}
    assert (tiled.text, tiled.status, tiled.tokens) == (None, "ok", sum(tile.tokens for tile in tiled.tiles))


def test_spoken_boxes_are_joined_in_scene_pixels(by_colour: Any, write_geotiff: Any, paint: Any) -> None:
    path = write_geotiff(paint(50, 120, ("red", 10, 30, 110, 40)))
    (found,) = ask(by_colour, path, Question("Where is red?", "refer"), tiling=Tiling(40, 10))
    assert found.boxes == ((10, 30, 110, 40),)
    assert found.box_source == "text"


def test_a_mask_has_no_pixel_without_data_and_empty_tiles_are_not_asked(
    by_colour: Any, write_geotiff: Any, paint: Any
) -> None:
    bands = np.concatenate([paint(64, 96, ("white", 0, 0, 96, 64))[:1].astype(np.uint16) * 39])
    bands[:, 10:20, 10:20] = 0
    bands[:, :, 64:] = 0
    path = write_geotiff(bands, nodata=0)
    how = Reading(stretch=ValueRange(0, 255 * 39))
    done: list[int] = []
    white = Question("Segment white.", "segment")
    questioner = Questioner(by_colour, Manner(reading=how, tiling=Tiling(32, 0)), done.append)
    (found,) = questioner.answers([(InputImage(path, "scene"), [white])])
    assert [tile.window for tile in found.tiles] == [Window(x, y, 32, 32) for y in (0, 32) for x in (0, 32)]
    assert sum(done) == 6
    assert [mask.area for mask in found.masks] == [1024 - 100, 1024, 1024, 1024]  # no overlap, nothing joined
    # What the model draws where there is no data is left out: here everything is black.
    black = Question("Segment black.", "segment")
    by_colour_all = type("All", (), {"respond_batch": lambda self, requests, **_: [_everything(requests[0][0])]})()
    (found,) = ask(by_colour_all, path, black, reading=how)
    drawn = decode(found.masks[0].to_rle())
    assert np.array_equal(drawn, bands[0] > 0)


def _everything(picture: Image.Image) -> Any:
    from geopix.predictor import Answer

    masks = np.ones((1, picture.height, picture.width), np.bool_)
    return Answer("<SEG>", masks, np.zeros((1, 4), np.float32), "masks", 1, None)


def test_a_scene_without_data_fails_with_its_reason(by_colour: Any, write_geotiff: Any) -> None:
    path = write_geotiff(np.zeros((3, 8, 8), np.uint8), nodata=0)
    (found,) = ask(by_colour, path, RED, tiling=Tiling(16, 0))
    assert (found.status, found.tiles) == ("failed", ())
    assert found.reason == f"{path}: no pixel of it has data. Check its nodata value and its mask."


def test_one_bad_picture_or_question_does_not_stop_the_others(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    work = [pictures[0], InputImage(tmp_path / "bad.png", "bad.png"), pictures[1]]
    refused = Question("Segment refuse.", "segment")
    found = list(Questioner(by_colour, Manner(batch_size=8)).answers([(image, [RED, refused]) for image in work]))
    ends = {(item.image.name, item.question): item for item in found}
    assert len(found) == len(ends) == 6
    assert [ends[name, RED].status for name in ("0.png", "bad.png", "1.png")] == ["ok", "failed", "ok"]
    assert "bad.png: cannot be read as a picture" in str(ends["bad.png", RED].reason)
    assert str(ends["0.png", refused].reason).endswith("0.png: this question is refused")


def test_a_scene_that_is_damaged_further_on_fails_once(by_colour: Any, write_geotiff: Any, paint: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 128, 128), np.uint8)
    path = write_geotiff(noise, tiled=True, blockxsize=64, blockysize=64)
    path.write_bytes(path.read_bytes()[:-3000])
    found = ask(by_colour, path, RED, Question("Segment blue.", "segment"), tiling=Tiling(64, 0), batch_size=3)
    assert [item.status for item in found] == ["failed", "failed"]
    assert all("cannot be read as a picture" in str(item.reason) for item in found)


def test_what_stands_for_no_mask_is_unparsed_and_silence_is_empty(
    by_colour: Any, pictures: Sequence[InputImage], write_geotiff: Any, paint: Any
) -> None:
    broken = Question("Segment red, broken.", "segment")
    (found,) = ask(by_colour, pictures[0].path, broken)
    assert (found.status, found.reason) == ("unparsed", "a run is cut short")
    (found,) = ask(by_colour, pictures[0].path, Question("Segment blue.", "segment"))
    assert (found.status, found.reason, found.text) == ("empty", "the model answered nothing", "")
    (found,) = ask(by_colour, write_geotiff(paint(16, 20)), broken, tiling=Tiling(16, 0))
    assert found.reason == "tile at 0,0: a run is cut short; tile at 4,0: a run is cut short"


def test_a_scene_too_large_for_coco_is_refused(by_colour: Any, write_geotiff: Any) -> None:
    path = write_geotiff(
        np.zeros((1, 1, 1), np.uint8), height=50_000, width=50_000, tiled=True, sparse_ok=True, compress="deflate"
    )
    (found,) = ask(by_colour, path, RED, tiling=Tiling(1024, 0))
    assert "50000 x 50000 pixels are more than masks can be written for (2,147,483,648)" in str(found.reason)
