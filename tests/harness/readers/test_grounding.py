"""The readers of grounding benchmarks: a few rows as published, and what contradicts the formats."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.errors import DataError, MissingDataError
from harness.masks import area
from harness.readers.dior_rsvg import DiorRsvgReader
from harness.readers.dvgbench import DvgbenchReader
from harness.readers.geochat_referring import GeochatReferringReader
from harness.readers.vrsbench_referring import VrsbenchReferringReader

OBJECT = (
    "<object><name>{name}</name><pose>Unspecified</pose><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
    "<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox><description>{text}</description></object>"
)


def dior_object(text: str = "A green field", name: str = "golffield", box: Any = (13, 23, 68, 67)) -> str:
    return OBJECT.format(name=name, box=box, text=text)


def write_dior(root: Path, files: dict[str, list[str]], numbers: str) -> Path:
    for folder in ("Annotations", "JPEGImages"):
        (root / folder).mkdir()
    for stem, objects in files.items():
        (root / "JPEGImages" / f"{stem}.jpg").touch()
        tree = f"<annotation><filename>{stem}.jpg</filename>{''.join(objects)}</annotation>"
        (root / "Annotations" / f"{stem}.xml").write_text(tree)
    (root / "test.txt").write_text(numbers)
    return root


def test_dior_rsvg_counts_objects_over_sorted_files(tmp_path: Path) -> None:
    files = {
        "00010": [dior_object("third")],
        "00002": [dior_object("first", name="ship"), dior_object("second", name="ship", box=(1, 2, 700, 3))],
    }
    samples = list(DiorRsvgReader().samples(write_dior(tmp_path, files, "2\n1\n")))
    assert [(sample.id, sample.fields["expression"]) for sample in samples] == [("1", "second"), ("2", "third")]
    assert samples[0].target.boxes == ((1.0, 2.0, 700.0, 3.0),)
    assert samples[0].tags == {"category": "ship", "size": "small", "unique": "no"}
    assert samples[1].tags == {"category": "golffield", "size": "medium", "unique": "yes"}
    assert samples[1].images[0].path == tmp_path / "JPEGImages" / "00010.jpg"
    assert [sample.defect for sample in samples] == [None, None]


def test_dior_rsvgs_real_lists_part_all_objects(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "JPEGImages").mkdir()
    folder = shared / "data" / "dior_rsvg_splits"
    found: list[int] = []
    for split, count in {"train": 26_991, "val": 3_829, "test": 7_500}.items():
        (tmp_path / f"{split}.txt").write_text((folder / f"{split}.txt").read_text())
        wanted = DiorRsvgReader(split)._wanted(tmp_path)
        assert len(wanted) == count
        found += wanted
        with pytest.raises(DataError, match=rf"{count} numbers, \d+ for example, are beyond the 0 objects"):
            list(DiorRsvgReader(split).samples(tmp_path))
    assert sorted(found) == list(range(38_320))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (dior_object(text=""), "object 0: it has no description"),
        (dior_object(box=(5, 5, 5, 9)), "object 0: its bndbox has no area"),
        (dior_object(box=("x", 5, 5, 9)), "object 0: its bndbox has no four whole numbers, found"),
        ("<object><name>ship</name></object>", "object 0: its bndbox has no four whole numbers"),
    ],
)
def test_a_bad_object_is_a_defect_and_the_others_go_on(tmp_path: Path, bad: str, reason: str) -> None:
    first, second = DiorRsvgReader().samples(write_dior(tmp_path, {"1": [bad, dior_object()]}, "0\n1\n"))
    assert re.search(reason, first.defect or "")
    assert second.defect is None


def test_damaged_and_hostile_xml_is_refused(tmp_path: Path) -> None:
    root = write_dior(tmp_path, {"1": [dior_object()]}, "0\n")
    file = root / "Annotations" / "1.xml"
    for content in ("<annotation><object>", '<!DOCTYPE a [<!ENTITY x "yes">]><annotation>&x;</annotation>'):
        file.write_text(content)
        with pytest.raises(DataError, match=r"1\.xml: not usable XML: .*Fetch the annotations again"):
            list(DiorRsvgReader().samples(root))


def test_a_list_of_something_else_is_refused_whole(tmp_path: Path) -> None:
    root = write_dior(tmp_path, {"1": [dior_object()]}, "0\n00001.jpg\n\n0\n-3\n")
    with pytest.raises(DataError) as caught:
        list(DiorRsvgReader().samples(root))
    for line in ("line 2: expected an object's number, found '00001.jpg'", "line 5:", "the number 0 stands more"):
        assert line in str(caught.value)


@pytest.mark.parametrize("gone", ["test.txt", "Annotations"])
def test_absent_parts_of_dior_rsvg_say_where_they_were_looked_for(tmp_path: Path, gone: str) -> None:
    root = write_dior(tmp_path, {"1": [dior_object()]}, "0\n")
    place = root / gone
    if place.is_dir():
        (place / "1.xml").unlink()
        place.rmdir()
    else:
        place.unlink()
    with pytest.raises(MissingDataError, match=re.escape(f"{place} does not exist")):
        list(DiorRsvgReader().samples(root))


def vrsbench_row(**changes: Any) -> dict[str, Any]:
    row = {
        "image_id": "P0003_0002.png", "question": "The small car", "ground_truth": "{<25><40><33><60>}",
        "dataset": "RSBench", "question_id": 0, "type": "ref", "unique": False, "obj_corner": [], "obj_cls": "vehicle",
        "obj_ids": [0], "size_group": "small",
    }  # fmt: skip
    return {**row, **changes}


def write_vrsbench(root: Path, rows: Any) -> Path:
    (root / "Images_val").mkdir()
    (root / "Images_val" / "P0003_0002.png").touch()
    (root / "VRSBench_EVAL_referring.json").write_text(json.dumps(rows))
    return root


def test_vrsbench_boxes_stay_in_hundredths(tmp_path: Path) -> None:
    rows = [vrsbench_row(), vrsbench_row(question_id=1, unique=True, size_group="", ground_truth="{<92><0><96><0>}")]
    first, second = VrsbenchReferringReader().samples(write_vrsbench(tmp_path, rows))
    assert (first.id, first.fields) == ("0", {"expression": "The small car"})
    assert first.target.boxes == ((25.0, 40.0, 33.0, 60.0),)
    assert first.tags == {"category": "vehicle", "size": "small", "unique": "no"}
    assert (second.tags["unique"], second.tags["size"]) == ("yes", "unknown")
    assert (second.target.boxes, second.defect) == (((92.0, 0.0, 96.0, 0.0),), None)


@pytest.mark.parametrize("text", ["{<25><40><33>}", "{<40><40><33><60>}", "{<25><40><33><160>}", "25 40 33 60"])
def test_a_bad_vrsbench_box_is_a_defect(tmp_path: Path, text: str) -> None:
    (sample,) = VrsbenchReferringReader().samples(write_vrsbench(tmp_path, [vrsbench_row(ground_truth=text)]))
    assert re.search("question 0: .* is no box in hundredths", sample.defect or "")


def test_vrsbench_mistakes_are_told_at_once(tmp_path: Path) -> None:
    rows = [vrsbench_row(question=None), 5, {"image_id": "x"}]
    with pytest.raises(DataError) as caught:
        list(VrsbenchReferringReader().samples(write_vrsbench(tmp_path, rows)))
    for line in ("[0].question: expected text, found null", "[1]: expected an object", "[2].question: missing"):
        assert line in str(caught.value)


def test_vrsbench_refuses_another_kind_of_file_and_repeated_ids(tmp_path: Path) -> None:
    root = write_vrsbench(tmp_path, {"questions": []})
    with pytest.raises(DataError, match="expected a list of rows, found an object"):
        list(VrsbenchReferringReader().samples(root))
    (root / "VRSBench_EVAL_referring.json").write_text(json.dumps([vrsbench_row(), vrsbench_row()]))
    with pytest.raises(DataError, match="question_id 0 stands 2 times"):
        list(VrsbenchReferringReader().samples(root))


def dvgbench_row(**changes: Any) -> dict[str, Any]:
    row = {
        "question_id": 7, "image_id": "a.jpg", "bbox": [2.0, 1.0, 6.0, 5.0], "obb": [],
        "poly": [[2.0, 1.0], [6.0, 1.0], [6.0, 5.0], [2.0, 5.0]], "question": "The car closest to the drone",
        "question_e": "A white car", "question_cn": "", "question_e_cn": "", "dataset": "visdrone", "class": "traffic",
        "split": "test",
    }  # fmt: skip
    return {**row, **changes}


def write_dvgbench(root: Path, *rows: Any) -> Path:
    folder = root / "images" / "visdrone"
    folder.mkdir(parents=True)
    Image.new("RGB", (12, 10)).save(folder / "a.jpg")
    (root / "dvg_test.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return root


def test_dvgbench_has_two_queries_a_box_and_a_polygon(tmp_path: Path) -> None:
    root = write_dvgbench(tmp_path, dvgbench_row())
    (implicit,) = DvgbenchReader().samples(root)
    (explicit,) = DvgbenchReader(query="question_e", masks=True).samples(root)
    assert implicit.fields == {"expression": "The car closest to the drone"}
    assert (implicit.target.boxes, implicit.target.masks) == (((2.0, 1.0, 6.0, 5.0),), ())
    assert implicit.tags == {"scenario": "traffic", "source": "visdrone", "size": "small"}
    assert explicit.fields == {"expression": "A white car"}
    assert (explicit.target.masks[0].size, area(explicit.target.masks[0])) == ((10, 12), 16)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bbox": [1, 2, 3]}, "question 7: expected the four numbers of a box, found"),
        ({"bbox": [6, 1, 2, 5]}, "question 7: the box .* has no area, or its corners are swapped"),
        ({"poly": [[1, 2], [3]]}, "question 7: expected a polygon of three corners"),
        ({"poly": None}, "question 7: expected a polygon of three corners"),
        ({"question": " "}, "question 7: it has no 'question'"),
        ({"image_id": "b.jpg"}, "image visdrone/b.jpg: .* is not in"),
        ({"image_id": "../../../b.jpg"}, "outside its root"),
    ],
)
def test_a_bad_dvgbench_row_is_a_defect(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    (tmp_path / "data").mkdir()
    (sample,) = DvgbenchReader(masks=True).samples(write_dvgbench(tmp_path / "data", dvgbench_row(**changes)))
    assert re.search(reason, sample.defect or "")


def test_dvgbench_lines_that_are_none_are_told_at_once(tmp_path: Path) -> None:
    root = write_dvgbench(tmp_path, dvgbench_row(bbox="1 2 3 4"), 5)
    with (root / "dvg_test.jsonl").open("a") as file:
        file.write("{broken\n")
    with pytest.raises(DataError) as caught:
        list(DvgbenchReader().samples(root))
    for line in ("line 1.bbox: expected a list", "line 2: expected an object", "line 4: not valid JSON"):
        assert line in str(caught.value)
    with pytest.raises(MissingDataError, match=r"dvg_val\.jsonl does not exist"):
        list(DvgbenchReader("val").samples(root))


def geochat_row(**changes: Any) -> dict[str, Any]:
    row = {
        "question_id": "q1", "image_id": "P0001", "question": "2 ships at the left", "type": "ref", "dataset": "SOTA",
        "ground_truth": [[[2, 1], [6, 3], [5, 5], [1, 3]], [[8, 8], [9, 8], [9, 9]]], "obj_ids": [0, 1],
        "size_group": "small",
    }  # fmt: skip
    return {**row, **changes}


def write_geochat(root: Path, *rows: Any) -> Path:
    (root / "final_images_llava").mkdir()
    (root / "final_images_llava" / "P0001.png").touch()
    (root / "referring.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return root


def test_geochat_polygons_become_upright_boxes(tmp_path: Path) -> None:
    rows = [geochat_row(), geochat_row(question_id="q2", type="grounding", ground_truth=[[[0, 0], [4, 0], [4, 4]]])]
    root = write_geochat(tmp_path, *rows)
    several, one = GeochatReferringReader().samples(root)
    assert several.target.boxes == ((1.0, 1.0, 6.0, 5.0), (8.0, 8.0, 9.0, 9.0))
    assert several.tags == {"type": "ref", "size": "small", "targets": "several"}
    assert (one.tags["targets"], several.images[0].path.name) == ("one", "P0001.png")
    assert [sample.id for sample in GeochatReferringReader(type="ref").samples(root)] == ["q1"]


@pytest.mark.parametrize("truth", [[], [[1, 2, 3, 4]], [[[1, 2], [3, 4]]], [[[1, 2], [1, 5], [1, 9]]], [None]])
def test_a_bad_geochat_row_is_a_defect(tmp_path: Path, truth: Any) -> None:
    (sample,) = GeochatReferringReader().samples(write_geochat(tmp_path, geochat_row(ground_truth=truth)))
    assert re.search("question q1: ground_truth: ", sample.defect or "")
    assert sample.target.boxes == ()
