"""The eight ways to lay a picture on itself, held against Pillow's."""

import numpy as np
import pytest
from PIL import Image

from geopix.training.augmentation.symmetry import Symmetry, symmetry
from harness.masks import box_of, decode, encode

METHODS = {
    Symmetry(): None,
    Symmetry(mirrored=True): Image.Transpose.FLIP_LEFT_RIGHT,
    Symmetry(mirrored=True, turns=2): Image.Transpose.FLIP_TOP_BOTTOM,
    Symmetry(turns=1): Image.Transpose.ROTATE_90,
    Symmetry(turns=2): Image.Transpose.ROTATE_180,
    Symmetry(turns=3): Image.Transpose.ROTATE_270,
    Symmetry(mirrored=True, turns=1): Image.Transpose.TRANSPOSE,
    Symmetry(mirrored=True, turns=3): Image.Transpose.TRANSVERSE,
}
ALL = pytest.mark.parametrize(("change", "method"), METHODS.items(), ids=str)


@ALL
def test_a_picture_is_laid_anew_as_pillow_lays_it(change: Symmetry, method: Image.Transpose | None) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    expected = picture if method is None else picture.transpose(method)
    assert np.array_equal(np.asarray(change.picture(picture)), np.asarray(expected))


@ALL
def test_a_mask_goes_with_its_picture_and_a_box_with_its_mask(change: Symmetry, method: Image.Transpose | None) -> None:
    pixels = np.zeros((100, 100), dtype=np.bool_)
    pixels[10:30, 20:80] = True
    pixels[10:60, 20:25] = True
    picture = Image.fromarray(pixels.astype(np.uint8) * np.uint8(255))
    expected = np.asarray(picture if method is None else picture.transpose(method)) > 0
    mask = change.mask(encode(pixels))
    assert np.array_equal(decode(mask), expected)
    assert box_of(mask) == change.box((20, 10, 80, 60))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("upwards", [False, True])
def test_flips_and_turns_come_to_what_they_do_one_after_the_other(across: bool, upwards: bool, turns: int) -> None:
    pixels = np.arange(35).reshape(5, 7)
    expected = pixels[:, ::-1] if across else pixels
    expected = np.rot90(expected[::-1] if upwards else expected, turns)
    change = symmetry(horizontal_flip=across, vertical_flip=upwards, turns=turns)
    assert np.array_equal(change.pixels(pixels), expected)
