"""GeoPixelD: the published sample, and annotations that cannot be used."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.errors import DataError, MissingDataError
from harness.masks import area, box_of
from harness.parsers.grounded_caption import GroundedCaptionParser
from harness.readers.geopixeld import GeopixeldReader
from harness.records import Sample

SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2]]


def read(root: Path, content: Any) -> Sample:
    (root / "test").mkdir(exist_ok=True)
    Image.new("RGB", (6, 4)).save(root / "test" / "P1.png")
    (root / "test" / "P1.json").write_text(content if isinstance(content, str) else json.dumps(content))
    (sample,) = GeopixeldReader().samples(root)
    return sample


def annotation(**changes: Any) -> dict[str, Any]:
    row = {"gcg_description": "A <p> ship </p> [SEG].", "polygons": [[SQUARE, [[4, 0], [5, 0], [5, 4], [4, 4]]]]}
    return {**row, **changes}


def test_the_published_sample_is_read(shared: Path) -> None:
    (sample,) = GeopixeldReader("train").samples(shared / "data" / "geopixel_sample" / "data" / "GeoPixelD")
    assert (sample.id, sample.defect) == ("P0224_0_800_0_800", None)
    assert sample.target.texts[0].count("[SEG]") == len(sample.target.masks) == 4
    assert sample.tags == {"targets": "3 to 5"}
    assert {mask.size for mask in sample.target.masks} == {(800, 800)}
    for mask in sample.target.masks:
        box = box_of(mask)
        assert box is not None
        # A court is a rectangle, if a turned one: most of its box is court.
        assert area(mask) > 0.5 * (box[2] - box[0]) * (box[3] - box[1])
    caption = GroundedCaptionParser().target(sample).texts[0]
    assert "The tennis court-1 at right is a standard hard court" in caption
    assert "tennis court-2, tennis court-3, and tennis court-4 features" in caption


def test_the_parts_of_an_object_are_one_mask(tmp_path: Path) -> None:
    sample = read(tmp_path, annotation())
    assert [area(mask) for mask in sample.target.masks] == [9 + 8]
    assert sample.images[0].path == tmp_path / "test" / "P1.png"
    assert (sample.tags, sample.defect) == ({"targets": "1"}, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not valid JSON"),
        ([], "needs `gcg_description`, a text, and `polygons`, a list"),
        (annotation(polygons=5), "needs `gcg_description`, a text, and `polygons`, a list"),
        (annotation(polygons=[]), "has 1 [SEG] in its caption and polygons for 0"),
        (annotation(polygons=[[]]), "an object's polygons are not lists of points (x, y)"),
        (annotation(polygons=[[[1, 2, 3]]]), "an object's polygons are not lists of points (x, y)"),
        (annotation(polygons=[[[]]]), "an object's polygons are not lists of points (x, y)"),
        (annotation(polygons=[[[[0, 1e9]]]]), "a polygon's corner is not within 100000 pixels of the image"),
    ],
)
def test_an_annotation_that_cannot_be_used_is_a_defect(tmp_path: Path, content: Any, reason: str) -> None:
    sample = read(tmp_path, content)
    assert (sample.defect or "").startswith("image P1: ")
    assert reason in (sample.defect or "")
    assert sample.target.masks == ()


def test_an_absent_image_is_a_defect(tmp_path: Path) -> None:
    read(tmp_path, annotation())
    (tmp_path / "test" / "P1.png").unlink()
    (sample,) = GeopixeldReader().samples(tmp_path)
    assert re.search(r"image P1: P1\.png is not in .*test", sample.defect or "")


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match=r"test holds no annotation that ends in \.json\."):
        list(GeopixeldReader().samples(tmp_path))


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"val does not exist; expected the folder of the split's images"):
        list(GeopixeldReader("val").samples(tmp_path))
