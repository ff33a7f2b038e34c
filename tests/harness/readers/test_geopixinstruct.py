"""GeoPixInstruct: parquet and JSON, one object or several, boxes in the order in which they lie on their masks."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from pyarrow import parquet

from harness.errors import DataError, EnvironmentProblem, MissingDataError
from harness.masks import masks_of
from harness.readers.geopixinstruct import GeopixinstructReader
from harness.records import Sample

SIZE = (20, 40)
CORNERS = (10.0, 4.0, 30.0, 16.0)


def mask(box: tuple[float, float, float, float] = CORNERS) -> dict[str, Any]:
    (found,) = masks_of([box], SIZE)
    return {"counts": found.counts, "size": list(found.size)}


def instance(number: int = 1, **changes: Any) -> dict[str, Any]:
    row = {
        "bbox": [10, 4, 30, 16],
        "category": "ship",
        "category_id": 14,
        "description": f"Ship {number}.",
        "instance_id": f"a_{number}",
        "mask": mask(),
    }
    return {**row, **changes}


def row(*instances: Any, **changes: Any) -> dict[str, Any]:
    return {"image_id": "a", "image_path": "DIOR/a.jpg", "instances": list(instances), **changes}


def write(root: Path, *rows: Any, ending: str = "json") -> Path:
    (root / "data").mkdir(exist_ok=True)
    (root / "images" / "DIOR").mkdir(parents=True, exist_ok=True)
    (root / "images" / "DIOR" / "a.jpg").touch()
    match ending:
        case "json":
            (root / "data" / "valid.SIOR_T.json").write_text(json.dumps(rows))
        case "jsonl":
            (root / "data" / "valid.SIOR_T.jsonl").write_text("\n".join(map(json.dumps, rows)))
        case _:
            parquet.write_table(arrow.Table.from_pylist(rows), root / "data" / "valid.SIOR_T-00000-of-00001.parquet")
    return root


def read(root: Path, **options: Any) -> list[Sample]:
    return list(GeopixinstructReader("valid.SIOR_T", **options).samples(root))


@pytest.mark.parametrize("ending", ["json", "jsonl", "parquet"])
def test_each_object_is_a_sample(tmp_path: Path, ending: str) -> None:
    first, second = read(write(tmp_path, row(instance(1), instance(2)), ending=ending))
    assert (first.id, second.id) == ("a_1", "a_2")
    assert first.fields == {"expression": "Ship 1.", "category": "ship", "box": "{<25><20><75><80>}"}
    assert (first.target.texts, first.target.boxes) == (("Ship 1.",), (CORNERS,))
    assert first.target.masks == masks_of([CORNERS], SIZE)
    assert first.tags == {"category": "ship", "size": "small", "targets": "1"}
    assert first.images[0].path == tmp_path / "images" / "DIOR" / "a.jpg"
    assert first.defect is None


@pytest.mark.parametrize("box", [[10, 4, 30, 16], [10, 4, 20, 12]])
def test_the_order_of_a_box_is_told_by_the_masks(tmp_path: Path, box: list[int]) -> None:
    odd = instance(2, mask=mask((0, 0, 3, 3)))
    found = read(write(tmp_path, row(instance(1, bbox=box), odd, instance(3, bbox=box))))
    assert [found[0].target.boxes, found[2].target.boxes] == [(CORNERS,), (CORNERS,)]


def test_several_objects_of_an_image_are_one_sample(tmp_path: Path) -> None:
    others = row(instance(4, instance_id="b_4"), image_id="b")
    root = write(tmp_path, row(instance(1), instance(2, mask=mask((0, 0, 3, 3))), instance(3)), others)
    (sample,) = read(root, ask="multi")
    assert sample.id == "a"
    assert sample.fields == {"expression": "Ship 1, Ship 2 and Ship 3"}
    assert len(sample.target.masks) == len(sample.target.boxes) == len(sample.target.texts) == 3
    assert sample.tags == {"targets": "3", "size": "small"}


def test_an_image_is_found_by_the_last_part_of_its_path(tmp_path: Path) -> None:
    write(tmp_path, row(instance(), image_path="/home/authors/DIOR/b.jpg"))
    (tmp_path / "images" / "b.jpg").touch()
    (sample,) = read(tmp_path)
    assert (sample.defect, sample.images[0].path) == (None, tmp_path / "images" / "b.jpg")


def test_an_absent_image_is_a_defect(tmp_path: Path) -> None:
    (sample,) = read(write(tmp_path, row(instance(), image_path="DIOR/c.jpg")))
    assert re.search(r"image a: DIOR/c\.jpg is not in .*images", sample.defect or "")


@pytest.mark.parametrize("ask", ["single", "multi"])
def test_a_damaged_mask_is_a_defect(tmp_path: Path, ask: str) -> None:
    damaged = instance(2, mask={"counts": "5", "size": [2, 2]})
    sample = read(write(tmp_path, row(instance(1), damaged)), ask=ask)[-1]
    assert "instance a_2: the mask's runs do not fill it" in (sample.defect or "")


def test_masks_of_two_sizes_are_a_defect(tmp_path: Path) -> None:
    small = instance(2, mask={"counts": [1, 3], "size": [2, 2]})
    (sample,) = read(write(tmp_path, row(instance(1), small)), ask="multi")
    assert sample.defect == "image a: its masks differ in size"


def test_boxes_that_lie_on_no_mask_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no box of this split lies on its mask, as two corners or as a corner with"):
        read(write(tmp_path, row(instance(bbox=[0, 0, 1, 1]), instance(2, mask={"counts": "x", "size": [1, 1]}))))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    rows = [row(instance(), image_path=None), row(instance(category=5), instance(bbox=[1, 2])), "x"]
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, *rows))
    for line in (
        "row 0.image_path: expected text, found null",
        "row 1.instances[0].category: expected text, found a whole number, 5",
        "row 1.instances[1].bbox: expected four numbers",
        "row 2: expected an object, found text 'x'",
    ):
        assert line in str(caught.value)


def test_an_absent_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"valid\.FAST_T-00000-of-00001\.parquet does not exist"):
        list(GeopixinstructReader("valid.FAST_T").samples(write(tmp_path, row(instance()))))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("valid.SIOR_T.json", "{}", "expected a list of rows, found an object"),
        ("valid.SIOR_T.jsonl", "\n{", r"valid\.SIOR_T\.jsonl:2: not valid JSON"),
        ("valid.SIOR_T-00000-of-00001.parquet", "x", "no parquet file that can be read"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_text(content)
    with pytest.raises(DataError, match=reason):
        read(tmp_path)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, row(instance()), ending="parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(EnvironmentProblem, match=r"parquet files need pyarrow .* `pip install 'geopix\[data\]'`"):
        read(tmp_path)
