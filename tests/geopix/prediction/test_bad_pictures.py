"""Every picture that is not plain RGB ends in the documented conversion or a clear error; see docs/predict.md."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geopix.image_processing import MOST_PIXELS, to_rgb
from geopix.prediction.asking import Finished, Manner, Questioner
from geopix.prediction.inputs import InputImage, Question
from geopix.prediction.tiles import Tiling
from geopix.predictor import GeoPix
from harness.errors import SampleError

Save = Callable[[Path], None]


def saved(picture: Image.Image, **options: Any) -> Save:
    return lambda path: picture.save(path, **options)


def _with_exif(orientation: int) -> Save:
    exif = Image.Exif()
    exif[274] = orientation
    return saved(Image.new("RGB", (3, 2), (9, 8, 7)), exif=exif)


def _palette(transparent: bool) -> Save:
    picture = Image.new("P", (3, 2), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    return saved(picture, transparency=1) if transparent else saved(picture)


def _animated(path: Path) -> None:
    frames = [Image.new("RGB", (3, 2), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    frames[0].save(path, save_all=True, append_images=frames[1:])


READ: dict[str, tuple[str, Save, tuple[int, int, int], tuple[str, ...]]] = {
    "grey": ("a.png", saved(Image.new("L", (3, 2), 7)), (7, 7, 7), ()),
    "black and white": ("a.png", saved(Image.new("1", (3, 2), 1)), (255, 255, 255), ()),
    "grey and alpha": ("a.png", saved(Image.new("LA", (3, 2), (200, 51))), (40, 40, 40), ()),
    "RGBA": ("a.png", saved(Image.new("RGBA", (3, 2), (100, 200, 0, 128))), (50, 100, 0), ()),
    "16-bit": ("a.png", saved(Image.fromarray(np.full((2, 3), 257 * 9, np.uint16))), (9, 9, 9), ()),
    "CMYK": ("a.jpg", saved(Image.new("CMYK", (3, 2), (0, 255, 255, 0)), quality=95), (255, 0, 0), ()),
    "float": (
        "a.tif",
        saved(Image.new("F", (3, 2), 7.0)),
        (0, 0, 0),
        (
            "values stretched to 8 bits: 7 to 7",
            "the file does not say where it lies, so no georeferenced masks are written",
        ),
    ),
    "palette": ("a.png", _palette(transparent=False), (10, 20, 30), ()),
    "transparent palette": ("a.png", _palette(transparent=True), (0, 0, 0), ()),
    "animated": ("a.png", _animated, (250, 0, 0), ("the first of 2 frames was read",)),
    "turned by EXIF": (
        "a.png",
        _with_exif(6),
        (9, 8, 7),
        ("the EXIF orientation 6 is ignored: pixels are those stored",),
    ),
    "upright by EXIF": ("a.png", _with_exif(1), (9, 8, 7), ()),
    "1x1": ("a.png", saved(Image.new("RGB", (1, 1), (1, 2, 3))), (1, 2, 3), ()),
    "20,000 px wide": ("a.png", saved(Image.new("RGB", (20_000, 1), (1, 2, 3))), (1, 2, 3), ()),
    "20,000 px high": ("a.png", saved(Image.new("RGB", (1, 20_000), (1, 2, 3))), (1, 2, 3), ()),
}


class Watching:
    """Answers nothing and keeps what it is shown."""

    def __init__(self) -> None:
        self.pictures: list[Image.Image] = []

    def respond_batch(self, requests: Any, **_: Any) -> Any:
        from geopix.predictor import Answer

        self.pictures += [picture for picture, _ in requests]
        nothing = np.zeros((0, 1, 1), np.bool_)
        return [Answer("yes", nothing, np.zeros((0, 4), np.float32), "none", 1, None) for _ in requests]


def look_at(path: Path, **manner: Any) -> tuple[Finished, list[Image.Image]]:
    watching = Watching()
    work = [(InputImage(path, path.name), [Question("Is it?", "vqa")])]
    (found,) = Questioner(watching, Manner(**manner)).answers(work)
    return found, watching.pictures


@pytest.mark.parametrize("kind", READ)
def test_odd_pictures_are_converted_as_documented(kind: str, tmp_path: Path) -> None:
    name, save, colour, notes = READ[kind]
    save(tmp_path / name)
    found, (picture,) = look_at(tmp_path / name)
    assert (found.status, picture.mode) == ("ok", "RGB")
    assert np.abs(np.asarray(picture).astype(int) - colour).max() <= 1
    assert found.seen is not None
    assert found.seen.notes == notes
    assert found.seen.size == (picture.height, picture.width)


def test_the_model_takes_them_all(checkpoint: Path, tmp_path: Path) -> None:
    geopix = GeoPix.from_pretrained(checkpoint, device="cpu")
    paths = []
    for number, (name, save, _, _) in enumerate(READ.values()):
        if not name.endswith("tif"):
            paths.append(tmp_path / f"{number}{name}")
            save(paths[-1])
    answers = geopix.respond_batch([(path, "Segment the ship.") for path in paths], max_new_tokens=1)
    assert [answer.tokens for answer in answers] == [1] * len(paths)


def _truncated(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _bomb(path: Path) -> None:
    head = b"P6 20000 20000 255\n"  # four hundred million pixels, said in nineteen bytes
    path.write_bytes(head + b"\0" * 100)


REFUSED: dict[str, tuple[str, Save, str]] = {
    "truncated PNG": ("a.png", _truncated, "truncated|broken|unexpected end|not enough"),
    "truncated JPEG": ("a.jpg", _truncated, "truncated"),
    "empty": ("a.png", lambda path: path.write_bytes(b"") and None, "cannot identify image file"),
    "text": ("a.png", lambda path: path.write_text("Is it?") and None, "cannot identify image file"),
    "EPS": ("a.png", saved(Image.new("RGB", (3, 2)), format="EPS"), "cannot identify image file"),
    "bomb": ("a.ppm", _bomb, f"more than {MOST_PIXELS:,} pixels, the most that are decoded at once"),
    "folder": ("a.png", lambda path: path.mkdir(), "Is a directory"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_a_clear_error(kind: str, tmp_path: Path, checkpoint: Path) -> None:
    name, save, words = REFUSED[kind]
    save(tmp_path / name)
    found, pictures = look_at(tmp_path / name, tiling=Tiling(64, 0))
    assert pictures == []
    assert found.status == "failed"
    assert str(found.reason).startswith(f"{tmp_path / name}: cannot be read as a picture: ")
    with pytest.raises(SampleError, match=rf"{name}: cannot be read as a picture: .*({words})"):
        raise SampleError(str(found.reason))
    with pytest.raises(SampleError, match=rf"{name}: cannot be read as a picture: .*({words})"):
        GeoPix.from_pretrained(checkpoint, device="cpu").look(tmp_path / name)


def test_a_large_picture_below_the_limit_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.new("1", (10_000, 9_000)).save(tmp_path / "a.png")  # Pillow warns from 89,478,485 pixels on
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_rgb(tmp_path / "a.png").size == (10_000, 9_000)
    assert Image.MAX_IMAGE_PIXELS is not None
    assert MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_a_picture_is_cut_into_tiles_too(tmp_path: Path) -> None:
    pixels = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    _, pictures = look_at(tmp_path / "a.png", tiling=Tiling(16, 2))
    assert [picture.size for picture in pictures] == [(16, 16)] * 4
    assert np.array_equal(np.asarray(pictures[-1]), pixels[4:, 14:])


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0), (4, 4, 2), (4,)])
def test_arrays_without_pixels_or_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="A picture must have"):
        to_rgb(np.zeros(shape, np.uint8))


def test_values_that_are_no_numbers_become_black_or_white() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 7.4]], np.float32)
    assert np.asarray(to_rgb(values))[0, :, 0].tolist() == [0, 255, 0, 7]
