"""The page in a real browser: a picture in, a question, words and masks out, at two widths and in the dark."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.harness.report.waiting import eventually


@pytest.fixture
def picture(tmp_path: Path, earth_image: Image.Image) -> Path:
    earth_image.save(tmp_path / "harbour.png")
    return tmp_path / "harbour.png"


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, chromium: Any, address: str) -> Iterator[Any]:
    width, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.goto(address)
    yield page
    context.close()


def bring(page: Any, picture: Path) -> None:
    page.set_input_files("#file", str(picture))
    page.wait_for_selector("#frame img")


def ask(page: Any, text: str) -> None:
    page.fill("#question", text)
    page.press("#question", "Enter")
    page.wait_for_selector("#answers li.current")


def painted(page: Any) -> int:
    return int(
        page.evaluate(
            """() => { const canvas = document.querySelector('canvas.mask');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, at) => at % 4 === 3 && value).length; }"""
        )
    )


def test_a_mask_is_drawn_listed_and_taken_away(page: Any, picture: Path) -> None:
    assert eventually(page, lambda: page.inner_text("#about") == "geopix-mini on cpu")
    assert page.is_disabled("#send")
    bring(page, picture)
    ask(page, "Segment the largest building.")
    assert "It is" in page.inner_text(".said")
    area = int(page.inner_text(".targets li").split(" pixels")[0].split(": ")[1])
    assert painted(page) == area > 0
    page.uncheck(".targets input")
    assert painted(page) == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []


def test_answers_stay_and_any_is_shown_again(page: Any, picture: Path) -> None:
    bring(page, picture)
    ask(page, "Segment the largest building.")
    before = painted(page)
    page.click("[data-suggest]:has-text('Are there ships?')")
    assert eventually(page, lambda: page.locator("#answers > li").count() == 2)
    assert eventually(page, lambda: painted(page) == 0)
    page.click("#answers > li:last-child button:has-text('Show')")
    assert painted(page) == before


def test_the_answer_and_the_picture_can_be_saved(page: Any, picture: Path, tmp_path: Path) -> None:
    bring(page, picture)
    ask(page, "Segment the largest building.")
    with page.expect_download() as saved:
        page.click("button:has-text('Save the answer')")
    told = json.loads(Path(saved.value.path()).read_text())
    assert (saved.value.suggested_filename, told["masks"][0]["segmentation"]["size"]) == ("harbour.json", [128, 128])
    with page.expect_download() as saved:
        page.click("#save-picture")
    with Image.open(saved.value.path()) as drawn:
        assert drawn.size == (128, 128)


def test_a_file_that_is_no_picture_is_told_of(page: Any, tmp_path: Path, picture: Path) -> None:
    (tmp_path / "<b>notes.txt").write_text("<img src=x onerror=alert(1)>")
    page.set_input_files("#file", str(tmp_path / "<b>notes.txt"))
    page.wait_for_selector("#trouble:not([hidden])")
    assert "cannot be read as a picture" in page.inner_text("#trouble")
    bring(page, picture)
    assert page.is_hidden("#trouble")


def test_a_picture_can_be_dropped(page: Any, picture: Path) -> None:
    page.evaluate(
        """async (bytes) => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], 'dropped.png', { type: 'image/png' }));
        document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })); }""",
        list(picture.read_bytes()),
    )
    page.wait_for_selector("#frame img")
    assert page.inner_text("#size") == "128 \u00d7 128 pixels"
