"""LaSeRS: lists of instructions, each with masks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, MissingDataError
from harness.masks import from_runs
from harness.readers.lasers import LasersReader
from harness.records import Sample

RLE = {"size": [2, 3], "counts": [1, 2, 3]}


def entry(**changes: Any) -> dict[str, Any]:
    row = {"id": 4, "image_name": "1.jpg", "description": " All ships. ", "answer": "[SEG]", "mask": [RLE, RLE]}
    return {**row, **changes}


def read(root: Path, *entries: Any, name: str = "long.json") -> list[Sample]:
    for kind in ("annotations", "images"):
        (root / "test" / kind).mkdir(parents=True, exist_ok=True)
    (root / "test" / "images" / "1.jpg").touch()
    (root / "test" / "annotations" / name).write_text(json.dumps(list(entries)))
    return list(LasersReader().samples(root))


def test_an_entry_is_a_sample(tmp_path: Path) -> None:
    read(tmp_path, entry(id=9), name="multi.json")
    first, second = read(tmp_path, entry())
    assert (first.id, second.id) == ("long/4", "multi/9")
    assert (first.fields, first.target.texts) == ({"instruction": "All ships."}, ("[SEG]",))
    assert first.target.masks == (from_runs((2, 3), [1, 2, 3]),) * 2
    assert (first.tags, first.defect) == ({"subset": "long", "targets": "2", "size": "small"}, None)


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        (None, "entry 4 has no list `mask`: without true masks it cannot be scored"),
        ([], "entry 4 has no list `mask`"),
        ([{"size": [2, 3], "counts": "9"}], "entry 4: the mask's runs do not fill it"),
        ([RLE, {"size": [1, 1], "counts": [1]}], "entry 4: its masks differ in size"),
    ],
)
def test_an_entry_without_usable_masks_is_a_defect(tmp_path: Path, masks: Any, reason: str) -> None:
    (sample,) = read(tmp_path, entry(mask=masks))
    assert reason in (sample.defect or "")
    assert (sample.target.masks, sample.tags["size"]) == ((), "unknown")


def test_an_absent_image_is_a_defect(tmp_path: Path) -> None:
    assert re.search(r"2\.jpg is not in .*images", read(tmp_path, entry(image_name="2.jpg"))[0].defect or "")


def test_all_mistakes_of_a_list_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, entry(answer=None), 5)
    assert "long.json: [0].answer: expected text, found null" in str(caught.value)
    assert "long.json: [1]: expected an object, found a whole number, 5" in str(caught.value)


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    read(tmp_path, entry())
    (tmp_path / "test" / "annotations" / "long.json").write_text("{}")
    with pytest.raises(DataError, match="expected a list of entries, found an object"):
        list(LasersReader().samples(tmp_path))


def test_a_folder_without_lists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test" / "annotations").mkdir(parents=True)
    with pytest.raises(DataError, match=r"annotations holds no list that ends in \.json\."):
        list(LasersReader().samples(tmp_path))


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"annotations does not exist; expected the folder of the split's lists"):
        list(LasersReader("val").samples(tmp_path))
