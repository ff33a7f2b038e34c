"""DRSeg: the first question, the first part of a polygon, and what the authors' loader drops."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, MissingDataError
from harness.masks import area
from harness.readers.drseg import DrsegReader
from harness.records import Sample

SQUARE, BAR = [2, 2, 6, 2, 6, 6, 2, 6], [8, 0, 9, 0, 9, 10, 8, 10]


def entry(**changes: Any) -> dict[str, Any]:
    row = {
        "id": "a1",
        "height": 10,
        "width": 12,
        "ann_list": [{"segmentation": SQUARE}],
        "questions": ["Which one waits?", "Another"],
        "answers": ["<think>It stands.</think> The car [SEG]."],
        "reasoning_types": ["Spatial"],
    }
    return {**row, **changes}


def read(root: Path, *entries: Any, **options: Any) -> list[Sample]:
    (root / "labels").mkdir(exist_ok=True)
    (root / "CODrone" / "DRtest").mkdir(parents=True, exist_ok=True)
    (root / "CODrone" / "DRtest" / "a1.jpg").touch()
    (root / "labels" / "DRSeg_test.json").write_text(json.dumps(list(entries)))
    return list(DrsegReader(**options).samples(root))


def test_an_entry_is_a_sample(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, entry())
    assert (sample.id, sample.fields, sample.defect) == ("a1", {"question": "Which one waits?"}, None)
    assert sample.target.texts == ("The car [SEG].",)
    assert [area(mask) for mask in sample.target.masks] == [16]
    assert sample.target.masks[0].size == (10, 12)
    assert sample.tags == {"type": "Spatial", "targets": "1", "size": "small"}
    assert sample.images[0].path == tmp_path / "CODrone" / "DRtest" / "a1.jpg"


def test_of_several_parts_the_first_is_filled_or_all(tmp_path: Path) -> None:
    parts = entry(ann_list=[{"segmentation": [SQUARE, BAR]}])
    assert [area(mask) for mask in read(tmp_path, parts)[0].target.masks] == [16]
    assert [area(mask) for mask in read(tmp_path, parts, parts="all")[0].target.masks] == [26]


def test_polygons_without_extent_are_dropped_as_the_authors_do(tmp_path: Path) -> None:
    odd = [{"segmentation": part} for part in ([1, 1, 2, 2], [5, 5] * 4, SQUARE, [50, 50, 60, 50, 60, 60], BAR)]
    (sample,) = read(tmp_path, entry(ann_list=odd))
    assert [area(mask) for mask in sample.target.masks] == [16, 10]
    assert (sample.tags["targets"], sample.defect) == ("2", None)


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ([], "entry a1: none of its 0 polygons has a pixel"),
        ([{"segmentation": [1, 1, 2, 2]}], "entry a1: none of its 1 polygons has a pixel"),
        ([{}], "entry a1: an annotation has no list `segmentation`"),
        (["x"], "entry a1: an annotation has no list `segmentation`"),
        ([{"segmentation": ["a"] * 6}], "entry a1: an annotation's `segmentation` is no list of numbers"),
        ([{"segmentation": [0, 0, 1e9, 0, 5, 5]}], "a polygon's corner is not within"),
    ],
)
def test_an_entry_without_a_mask_is_a_defect(tmp_path: Path, annotations: Any, reason: str) -> None:
    (sample,) = read(tmp_path, entry(ann_list=annotations))
    assert reason in (sample.defect or "")
    assert sample.target.masks == ()


@pytest.mark.parametrize(("types", "tag"), [("Scene", "Scene"), ([], "unknown"), (None, "unknown"), ([5], "unknown")])
def test_the_type_may_be_absent(tmp_path: Path, types: Any, tag: str) -> None:
    assert read(tmp_path, entry(reasoning_types=types))[0].tags["type"] == tag


@pytest.mark.parametrize("answers", [[], None, [""], [5]])
def test_the_answer_may_be_absent(tmp_path: Path, answers: Any) -> None:
    assert read(tmp_path, entry(answers=answers))[0].target.texts == ()


def test_an_absent_image_is_a_defect(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, entry(id=9))
    assert sample.id == "9"
    assert re.search(r"image 9: 9\.jpg is not in .*DRtest", sample.defect or "")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, entry(height="10"), "x", entry(questions=[]), entry(questions=[5]))
    for line in (
        "DRSeg_test.json: [0].height: expected a whole number, found text '10'",
        "DRSeg_test.json: [1]: expected an object, found text 'x'",
        "DRSeg_test.json: [2].questions: expected a question first, found none",
        "DRSeg_test.json: [3].questions: expected a question first, found none",
    ):
        assert line in str(caught.value)


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "DRSeg_test.json").write_text("{}")
    with pytest.raises(DataError, match="expected a list of entries, found an object"):
        list(DrsegReader().samples(tmp_path))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"DRSeg_val\.json does not exist; expected the questions and polygons"):
        list(DrsegReader(split="val").samples(tmp_path))
