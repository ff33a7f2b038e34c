"""The floor under every score."""

from pathlib import Path

import pytest
from PIL import Image

from harness.errors import ConfigurationError, SampleError
from harness.masks import runs
from harness.models.baselines import baseline
from harness.records import ImageFile, Request, Response


def ask(name: str, path: Path, capability: str) -> Response:
    (found,) = baseline(name, {}).respond([Request("1", (ImageFile("7", path),), "", capability, {})])
    return found


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 4)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_the_constant_says_yes_without_looking(tmp_path: Path) -> None:
    assert ask("constant", tmp_path / "absent.png", "vqa") == Response(text="yes", seconds=0.0)


def test_the_constant_marks_the_middle(image: Path) -> None:
    (mask,) = ask("constant", image, "segment").masks
    assert mask.size == (4, 8)
    # Two of four rows, from the second; four of eight columns, from the third.
    assert runs(mask).tolist() == [9, 2, 2, 2, 2, 2, 2, 2, 9]


def test_the_whole_image(image: Path) -> None:
    (mask,) = ask("whole-image", image, "segment").masks
    assert runs(mask).tolist() == [0, 32]


def test_an_image_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"GIF8")
    with pytest.raises(SampleError, match=r"image 7: .*a\.png cannot be read"):
        ask("constant", tmp_path / "a.png", "segment")


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown baseline 'konstant'. Did you mean 'constant'\? Known: constant"
    ):
        baseline("konstant", {})
    with pytest.raises(ConfigurationError, match="a baseline has no options, found device"):
        baseline("constant", {"device": "cpu"})
