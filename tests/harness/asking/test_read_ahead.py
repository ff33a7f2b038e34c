"""Pictures decoded before they are asked for: which are kept, and what is left to whoever asks."""

from pathlib import Path

import pytest
from PIL import Image

from harness.asking import read_ahead
from harness.asking.read_ahead import ReadAhead
from harness.errors import SampleError
from harness.records import ImageFile


@pytest.fixture
def images(tmp_path: Path) -> list[ImageFile]:
    """Six pictures of 10 x 10 pixels."""
    found = []
    for number in range(6):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (10, 10), (number, 0, 0)).save(path)
        found.append(ImageFile(str(number), path))
    return found


class Reading:
    """Decodes by noting what it was asked."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, image: ImageFile) -> str:
        self.read.append(image.id)
        if image.id == "1":
            raise SampleError("this one is torn")
        return f"picture {image.id}"


def ready(ahead: ReadAhead[str], images: list[ImageFile]) -> list[str]:
    return [image.id for image in images if ahead.ready(image.path) is not None]


def test_the_batch_at_work_and_the_next_one_are_kept(images: list[ImageFile]) -> None:
    reading = Reading()
    ahead = ReadAhead(reading)
    assert ahead.ready(images[0].path) is None
    ahead.fetch([images[0], images[0], images[2]])
    assert (sorted(reading.read), ready(ahead, images)) == (["0", "2"], ["0", "2"])
    assert ahead.ready(images[2].path) == "picture 2"
    ahead.fetch([images[2], images[3]])
    assert sorted(reading.read) == ["0", "2", "3"], "what goes on over two batches is read once"
    assert ready(ahead, images) == ["0", "2", "3"]
    ahead.fetch([images[4]])
    assert ready(ahead, images) == ["2", "3", "4"]


def test_what_cannot_be_read_is_left_to_whoever_asks(images: list[ImageFile], tmp_path: Path) -> None:
    ahead = ReadAhead(Reading())
    ahead.fetch([images[1], ImageFile("gone", tmp_path / "gone.png"), images[2]])
    assert ready(ahead, images) == ["2"]


def test_memory_is_bounded(images: list[ImageFile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "MOST_PIXELS", 250)
    ahead = ReadAhead(Reading())
    ahead.fetch([images[0], images[2], images[3]])
    assert ready(ahead, images) == ["0", "2"]
