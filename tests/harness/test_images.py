"""Every model is shown the same pixels of a file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import SampleError
from harness.images import in_colour, picture_of
from harness.records import ImageFile

RAMP = np.linspace(0, 65535, 64).reshape(8, 8)
CLEAR = Image.fromarray(np.tile(np.array([200, 100, 50, 128], np.uint8), (4, 4, 1)))
PICTURES = {
    "colour": Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)),
    "grey": Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)),
    "sixteen-bits": Image.fromarray(RAMP.astype(np.uint16)),
    "integers": Image.fromarray(RAMP.astype(np.int32)),
    "numbers": Image.fromarray(np.array([[-5, 12.4, 300], [np.nan, np.inf, 255]], np.float32)),
    "clear": CLEAR,
    "clear-grey": CLEAR.convert("LA"),
    "palette": CLEAR.convert("RGB").convert("P"),
    "ink": CLEAR.convert("RGB").convert("CMYK"),
    "bits": Image.fromarray(np.eye(8, dtype=bool)),
}


@pytest.mark.parametrize("kind", list(PICTURES))
def test_they_are_those_that_geopix_is_shown(kind: str) -> None:
    from geopix.image_processing import to_rgb

    shown = in_colour(PICTURES[kind])
    assert shown.mode == "RGB"
    assert np.array_equal(np.asarray(shown), np.asarray(to_rgb(PICTURES[kind])))


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    PICTURES["sixteen-bits"].save(tmp_path / "a.tif")
    shown = np.asarray(picture_of(ImageFile("a", tmp_path / "a.tif")))
    assert (shown[0, 0, 0], shown[7, 7, 0]) == (0, 255)
    assert len(np.unique(shown)) == 64


def test_a_torn_file_fails_its_sample(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    with pytest.raises(SampleError, match="image torn: .*torn.png cannot be read: .*Check or replace the file"):
        picture_of(ImageFile("torn", tmp_path / "torn.png"))
