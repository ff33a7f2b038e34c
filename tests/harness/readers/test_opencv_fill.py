"""Polygons are filled as OpenCV fills them: the masks that LISA's loader made with it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import SampleError
from harness.masks import area, decode, from_json
from harness.readers.opencv_fill import filled_as_opencv


@pytest.fixture(scope="module")
def stored(shared: Path) -> Any:
    return json.loads((shared / "parity/metrics/polygon_masks.json").read_bytes())


def test_masks_are_those_of_lisas_loader(stored: Any) -> None:
    cases = [case for case in stored["refer_polygon_cases"] if case.get("lisa_get_mask_from_json")]
    assert len(cases) > 100
    for case in cases:
        expected = case["lisa_get_mask_from_json"]
        found = filled_as_opencv((case["height"], case["width"]), case["segmentation"])
        assert (found, area(found)) == (from_json(expected["mask"]), expected["area"])


def test_larger_parts_are_painted_first_and_those_to_ignore_over_them(stored: Any) -> None:
    case = stored["lisa_ignore_case"]
    size = tuple(case["size"])
    parts = [
        (shape["label"], decode(filled_as_opencv(size, [[value for point in shape["points"] for value in point]])))
        for shape in case["shapes"]
        if shape["label"] != "flag"
    ]
    painted = np.zeros(size, dtype=int)
    for label, part in sorted(parts, key=lambda each: -each[1].sum()):
        painted[part] = 255 if "ignore" in label else 1
    assert np.array_equal(painted == 1, decode(from_json(case["fg"])))
    assert np.array_equal(painted == 255, decode(from_json(case["ignore"])))
    assert {str(value): int((painted == value).sum()) for value in (0, 1, 255)} == case["values"]


def test_lines_and_points_have_pixels() -> None:
    assert area(filled_as_opencv((5, 5), [[1, 1, 3, 1]])) == 3
    assert area(filled_as_opencv((5, 5), [[1, 1], [4, 4, 4, 2]])) == 1 + 3
    assert area(filled_as_opencv((5, 5), [[9, 9, 12, 9, 12, 12]])) == 0


@pytest.mark.parametrize(
    ("polygon", "reason"),
    [
        ([], "a polygon needs x and y of each corner; found 0 numbers"),
        ([1, 2, 3], "a polygon needs x and y of each corner; found 3 numbers"),
        ([1, float("nan")], "a polygon's corner is not within 100000 pixels of the image"),
    ],
)
def test_what_is_no_polygon_is_refused(polygon: list[float], reason: str) -> None:
    with pytest.raises(SampleError, match=reason):
        filled_as_opencv((5, 5), [polygon])
