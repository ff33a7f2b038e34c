"""Pictures on the desk: read once, kept for a while, refused where they are none."""

import io
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from geopix.serving import desk as desks
from geopix.serving.desk import Desk, open_picture
from harness.errors import MissingDataError, SampleError


def file_of(picture: Image.Image, form: str = "PNG") -> bytes:
    written = io.BytesIO()
    picture.save(written, form)
    return written.getvalue()


def plain(shade: int, size: tuple[int, int] = (40, 30)) -> bytes:
    return file_of(Image.new("RGB", size, (shade, 120, 60)))


def test_the_same_file_is_read_once(desk: Desk) -> None:
    first, again = desk.bring(plain(1)), desk.bring(plain(1))
    assert first is again
    assert (first.width, first.height) == (40, 30)


def test_an_answer_is_what_the_predictor_says(desk: Desk, earth_image: Image.Image) -> None:
    brought = desk.bring(file_of(earth_image))
    told = desk.ask(brought.id, "Segment the largest building.", {"task": "segment"})
    alone = desk.geopix.respond(earth_image, "Segment the largest building.", task="segment")
    assert told.answer.text == alone.text
    assert len(alone.masks) > 0
    assert np.array_equal(told.answer.masks, alone.masks)


def test_only_the_latest_pictures_are_kept(desk: Desk) -> None:
    names = [desk.bring(plain(shade)).id for shade in (10, 20, 30, 40)]
    with pytest.raises(MissingDataError, match="only the latest 3 are. Drop it once more"):
        desk.ask(names[0], "Is it water?", {})
    assert desk.picture(names[1]).id == names[1]


def test_many_may_ask_at_once(desk: Desk) -> None:
    answers: dict[int, str] = {}

    def visit(shade: int) -> None:
        answers[shade] = desk.ask(desk.bring(plain(shade)).id, "Is there a ship?", {"task": "vqa"}).answer.text

    visitors = [Thread(target=visit, args=(shade,)) for shade in (50, 60, 70)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(60)
    assert sorted(answers) == [50, 60, 70]


@pytest.mark.parametrize("file", [b"", b"no picture", plain(1)[:60]], ids=["empty", "other", "cut off"])
def test_what_is_no_picture_is_refused_with_what_to_do(file: bytes) -> None:
    with pytest.raises(SampleError, match=r"cannot be read as a picture: .+ Drop a PNG, JPEG, WebP or TIFF\.") as told:
        open_picture(file)
    assert "<_io" not in str(told.value)


def test_a_picture_beyond_what_pillow_decodes_is_refused_in_our_words() -> None:
    bomb = file_of(Image.new("1", (20_000, 20_000)))
    with pytest.raises(SampleError, match=r"more than 178,956,970 pixels.*geopix predict --tile`\. Drop a PNG"):
        open_picture(bomb)


def test_a_picture_too_large_for_a_page_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "MOST_PIXELS", 1_000)
    with pytest.raises(SampleError, match="40 x 30 pixels.*geopix predict"):
        open_picture(plain(1))


def test_a_large_picture_is_shown_small_and_answered_at_its_own_size(desk: Desk) -> None:
    brought = desk.bring(plain(7, (4096, 1024)))
    shown = Image.open(io.BytesIO(brought.shown))
    assert (brought.width, brought.height, shown.size) == (4096, 1024, (2048, 512))
    assert desk.ask(brought.id, "Segment the ship.", {}).answer.masks.shape[1:] == (1024, 4096)


def test_a_16_bit_picture_is_shown_as_the_model_gets_it(desk: Desk) -> None:
    deep = Image.fromarray(np.full((20, 20), 0x8080, np.uint16))
    shown = np.asarray(Image.open(io.BytesIO(desk.bring(file_of(deep, "TIFF")).shown)))
    assert abs(int(shown[10, 10, 0]) - 128) <= 1
