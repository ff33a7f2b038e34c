"""What an endpoint is shown of a picture."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.endpoints.pictures import PictureFormat, Shown, shown
from harness.errors import SampleError
from harness.records import ImageFile


def write(folder: Path, picture: Image.Image, name: str = "a.png", **options: Any) -> ImageFile:
    picture.save(folder / name, **options)
    return ImageFile("a", folder / name)


def seen(found: Shown, form: str = "png") -> Image.Image:
    head, _, content = found.url.partition(",")
    assert head == f"data:image/{form};base64"
    return Image.open(io.BytesIO(base64.b64decode(content, validate=True)))


def noise(*shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))


@pytest.mark.parametrize("form", ["png", "webp"])
def test_a_picture_that_fits_is_sent_as_it_is(tmp_path: Path, form: PictureFormat) -> None:
    found = shown(write(tmp_path, noise(30, 40)), 40, form)
    assert found.size == (30, 40)
    assert np.array_equal(np.asarray(seen(found, form)), np.asarray(noise(30, 40)))


def test_jpeg_is_smaller_and_near(tmp_path: Path) -> None:
    smooth = Image.linear_gradient("L").convert("RGB")
    found = shown(write(tmp_path, smooth), 256, "jpeg")
    assert np.abs(np.asarray(seen(found, "jpeg"), int) - np.asarray(smooth, int)).max() <= 4


@pytest.mark.parametrize(("shape", "size"), [((300, 200), (32, 48)), ((50, 400), (48, 6)), ((2, 900), (48, 1))])
def test_a_larger_one_is_made_smaller_in_proportion(tmp_path: Path, shape: tuple[int, int], size: Any) -> None:
    found = shown(write(tmp_path, noise(*shape)), 48, "png")
    assert seen(found).size == size == found.size[::-1]


def test_what_a_file_tells_beside_its_pixels_is_not_sent(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "the owner's name", 6
    image = write(tmp_path, noise(8, 16), "a.jpg", exif=exif, icc_profile=b"the profile", comment=b"the comment")
    for form in ("png", "jpeg", "webp"):
        found = seen(shown(image, 64, form), form)
        assert found.size == (16, 8), "the orientation tag is not followed: boxes refer to stored pixels"
        assert not found.getexif()
        assert not found.info.keys() & {"icc_profile", "comment", "exif"}


def test_other_kinds_of_pixels_become_red_green_blue(tmp_path: Path) -> None:
    deep = Image.fromarray(np.array([[0, 257, 65535]], dtype=np.uint16))
    clear = Image.fromarray(np.array([[[9, 9, 9, 255], [9, 9, 9, 0]]], dtype=np.uint8), "RGBA")
    one = Image.fromarray(np.array([[0, 1]], dtype=bool))
    for name, picture, expected in (
        ("deep.tif", deep, [0, 1, 255]), ("clear.png", clear, [9, 0]), ("one.png", one, [0, 255]),
    ):  # fmt: skip
        found = seen(shown(write(tmp_path, picture, name), 64, "png"))
        assert found.mode == "RGB"
        assert np.asarray(found)[0, :, 0].tolist() == expected


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    import os

    image = write(tmp_path, noise(8, 8))
    first = shown(image, 64, "png")
    write(tmp_path, Image.new("RGB", (8, 8)))
    os.utime(image.path, ns=(1, 1))
    assert shown(image, 64, "png") != first


@pytest.mark.parametrize("content", [None, b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_fails_its_sample(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SampleError, match=r"image a: .*a\.png cannot be read: .*Check or replace the file"):
        shown(ImageFile("a", path), 64, "png")
