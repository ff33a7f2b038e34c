"""geopix-mini over a georeferenced scene says what it says about the same pixels alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geopix.mini import MINI
from geopix.prediction.asking import Manner, Questioner
from geopix.prediction.inputs import InputImage, Question
from geopix.prediction.scenes import Reading
from geopix.prediction.stretch import ValueRange
from geopix.prediction.tiles import Tiling
from geopix.predictor import GeoPix
from harness.masks import decode


@pytest.mark.skipif(not MINI.is_dir(), reason="needs geopix/mini/checkpoint")
def test_tiles_of_a_scene_have_the_masks_of_the_pictures_it_is_made_of(earth: Path, write_geotiff: Any) -> None:
    geopix = GeoPix.from_pretrained(MINI, device="cpu")
    files = sorted((earth / "rrsisd/images/rrsisd/JPEGImages").glob("*.jpg"))[:2]
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in files]
    question = Question("Please segment the building.", "segment")
    alone = geopix.respond_batch([(Image.fromarray(pixels), question.text) for pixels in pictures], task="segment")
    assert sum(mask.sum() for answer in alone for mask in answer.masks) > 0

    side = pictures[0].shape[0]
    path = write_geotiff(np.moveaxis(np.hstack(pictures), -1, 0).astype(np.uint16) * 40)
    manner = Manner(reading=Reading(stretch=ValueRange(0, 255 * 40)), tiling=Tiling(side, 0))
    (found,) = Questioner(geopix, manner).answers([(InputImage(path, path.name), [question])])
    assert [tile.text for tile in found.tiles] == [answer.text for answer in alone]
    expected = []
    for x, answer in zip((0, side), alone, strict=True):
        for mask in answer.masks[answer.masks.any(axis=(1, 2))]:
            whole = np.zeros((side, 2 * side), np.bool_)
            whole[:, x : x + side] = mask
            expected.append(whole)
    assert np.array_equal([decode(mask.to_rle()) for mask in found.masks], expected)
