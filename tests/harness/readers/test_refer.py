"""The REFER format: sentences become samples, masks and polygons become the masks that REFER's own code makes."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, MissingDataError
from harness.masks import area, from_json
from harness.readers.refer import ReferReader
from harness.records import Sample

SQUARE = [2, 2, 6, 2, 6, 6, 2, 6]
RLE = {"size": [10, 12], "counts": [3, 4, 113]}


def reference(number: int = 1, **changes: Any) -> dict[str, Any]:
    sentences = [{"sent_id": number, "raw": "The ship", "sent": "the ship", "tokens": ["the", "ship"]}]
    row = {"ref_id": number, "ann_id": number, "image_id": 1, "category_id": 5, "split": "test", "sentences": sentences}
    return {**row, **changes}


def annotation(number: int = 1, segmentation: Any = None, **changes: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 1, "category_id": 5, "segmentation": segmentation or [RLE], **changes}


def write(root: Path, references: Any, annotations: Any, **changes: Any) -> Path:
    tables = {
        "images": [{"id": 1, "file_name": "1.jpg", "height": 10, "width": 12}],
        "annotations": annotations,
        "categories": [{"id": 5, "name": "ship"}],
    }
    (root / "set").mkdir(exist_ok=True)
    (root / "images").mkdir(exist_ok=True)
    (root / "images" / "1.jpg").touch()
    (root / "set" / "refs(unc).p").write_bytes(pickle.dumps(references))
    (root / "set" / "instances.json").write_text(json.dumps(tables | changes))
    return root


def read(root: Path, **options: Any) -> list[Sample]:
    return list(ReferReader("set", **options).samples(root))


def test_each_sentence_of_the_split_is_a_sample(tmp_path: Path) -> None:
    sentences = [{"sent_id": 8, "raw": "The Ship", "sent": "the ship"}, {"sent_id": 9, "sent": "a boat"}]
    references = [reference(3, ann_id=1, sentences=sentences), reference(4, split="val")]
    first, second = read(write(tmp_path, references, [annotation()]))
    assert (first.id, second.id) == ("3-8", "3-9")
    assert (first.fields, second.fields) == ({"expression": "The Ship"}, {"expression": "a boat"})
    assert first.tags == {"category": "ship", "size": "small"}
    assert first.images[0].path == tmp_path / "images" / "1.jpg"
    assert first.target.masks == (from_json(RLE),)
    assert first.defect is None


@pytest.mark.parametrize(("side", "size"), [(31, "small"), (32, "medium"), (95, "medium"), (96, "large")])
def test_the_size_is_cocos(tmp_path: Path, side: int, size: str) -> None:
    image = {"id": 1, "file_name": "1.jpg", "height": 200, "width": 200}
    corners = [0, 0, side, 0, side, side, 0, side]
    (sample,) = read(write(tmp_path, [reference()], [annotation(segmentation=[corners])], images=[image]))
    assert area(sample.target.masks[0]) == side * side
    assert sample.tags["size"] == size


@pytest.mark.parametrize("segmentation", [RLE, [RLE], [RLE, RLE], SQUARE, [SQUARE], [[float(x) for x in SQUARE]]])
def test_every_form_of_segmentation_is_read(tmp_path: Path, segmentation: Any) -> None:
    (sample,) = read(write(tmp_path, [reference()], [annotation(segmentation=segmentation)]))
    assert sample.defect is None
    assert area(sample.target.masks[0]) == (4 if RLE in (segmentation, *segmentation) else 16)


def test_overlapping_parts_are_united_or_cut_out_as_rmsin_does(tmp_path: Path) -> None:
    root = write(tmp_path, [reference()], [annotation(segmentation=[SQUARE, [4, 4, 8, 4, 8, 8, 4, 8]])])
    (united,), (cut,) = read(root), read(root, overlap="rmsin")
    assert area(united.target.masks[0]) == 16 + 16 - 4
    assert area(cut.target.masks[0]) == 16 + 16 - 8


def test_parity_masks_are_those_of_refer_and_rmsin(shared: Path, tmp_path: Path) -> None:
    stored = json.loads((shared / "parity/metrics/polygon_masks.json").read_bytes())
    cases = stored["refer_polygon_cases"]
    split_of = {number: split for split, numbers in stored["ref_splits"].items() for number in numbers}
    references = [reference(case["ref_id"], image_id=case["ref_id"], split=split_of[case["ref_id"]]) for case in cases]
    images = [{"id": c["ref_id"], "file_name": "1.jpg", "height": c["height"], "width": c["width"]} for c in cases]
    annotations = [annotation(case["ref_id"], case["segmentation"]) for case in cases]
    root = write(tmp_path, references, annotations, images=images)
    for split, numbers in stored["ref_splits"].items():
        united, cut = read(root, split=split), read(root, split=split, overlap="rmsin")
        assert [sample.id for sample in united] == [f"{number}-{number}" for number in numbers]
        for number, one, other in zip(numbers, united, cut, strict=True):
            assert one.target.masks == (from_json(cases[number]["refer_getMask"]["any"]),)
            assert other.target.masks == (from_json(cases[number]["refer_getMask"]["rmsin_dataset_mask_eq_1"]),)


@pytest.mark.parametrize(
    ("references", "annotations", "reason"),
    [
        ([reference(image_id=4)], [annotation()], r"reference 1: its image 4 is not in instances\.json"),
        ([reference(ann_id=4)], [annotation()], r"reference 1: its annotation 4 is not in instances\.json"),
        (
            [reference()],
            [annotation(segmentation=[{"size": [12, 10], "counts": [120]}])],
            "reference 1: annotation 1: the mask has 12 x 10 pixels and its image 10 x 12. Take annotations and images",
        ),
        ([reference()], [annotation(segmentation=[{"size": [10, 12], "counts": "5"}])], "expected 10 x 12 = 120"),
        ([reference()], [annotation(segmentation=[[1, 1, 2, 2]])], "three corners or more"),
        ([reference()], [annotation(segmentation=[1, 1, 2, 2])], "three corners or more"),
        ([reference()], [annotation(segmentation=[RLE, SQUARE])], "neither masks .* nor lists of numbers"),
        ([reference()], [annotation(segmentation=[["a"] * 6])], "neither masks .* nor lists of numbers"),
    ],
)
def test_a_reference_that_cannot_be_used_is_a_defect(
    tmp_path: Path, references: Any, annotations: Any, reason: str
) -> None:
    (sample,) = read(write(tmp_path, references, annotations))
    assert re.search(reason, sample.defect or "")
    assert sample.target.masks == ()
    assert sample.tags["size"] == "unknown"


def test_an_empty_segmentation_is_a_defect(tmp_path: Path) -> None:
    (sample,) = read(write(tmp_path, [reference()], [{**annotation(), "segmentation": []}]))
    assert sample.defect == "reference 1: annotation 1: its segmentation is empty"


def test_an_absent_image_is_a_defect(tmp_path: Path) -> None:
    root = write(tmp_path, [reference()], [annotation()])
    (root / "images" / "1.jpg").unlink()
    (sample,) = read(root)
    assert re.search(r"image 1: 1\.jpg is not in .*images", sample.defect or "")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd"])
def test_an_image_outside_the_data_is_a_defect(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").touch()
    root = tmp_path / "data"
    root.mkdir()
    image = {"id": 1, "file_name": f"../{name}" if name.startswith(".") else name, "height": 10, "width": 12}
    (sample,) = read(write(root, [reference()], [annotation()], images=[image]))
    assert sample.images == ()
    assert "outside its root" in (sample.defect or "")


def test_an_image_in_a_folder_of_its_own_is_found(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "part/2.jpg", "height": 10, "width": 12}
    root = write(tmp_path, [reference()], [annotation()], images=[image])
    (root / "images" / "part").mkdir()
    (root / "images" / "part" / "2.jpg").touch()
    (sample,) = read(root)
    assert sample.defect is None
    assert sample.images[0].path == root / "images" / "part" / "2.jpg"


def test_a_pickle_that_runs_code_stops_the_run(tmp_path: Path) -> None:
    root = write(tmp_path, [reference()], [annotation()])
    (root / "set" / "refs(unc).p").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    with pytest.raises(DataError, match=r"asks for posix\.system;.*nothing of it was run"):
        read(root)


def test_all_mistakes_of_the_references_are_told_at_once(tmp_path: Path) -> None:
    bad = [
        reference(split=None),
        "seven",
        reference(sentences=[]),
        reference(sentences=[{"sent_id": 1}, 5, {"sent_id": "x", "raw": "a"}, {"sent_id": 1, "raw": None}]),
        reference(ann_id="1"),
    ]
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, bad, [annotation()]))
    for line in (
        "refs(unc).p: refs[0].split: expected text, found null",
        "refs(unc).p: refs[1]: expected an object, found text 'seven'",
        "refs(unc).p: refs[2].sentences: expected at least one sentence, found an empty list",
        "refs(unc).p: refs[3].sentences[0].sent: missing; expected text",
        "refs(unc).p: refs[3].sentences[1]: expected an object, found a whole number, 5",
        "refs(unc).p: refs[3].sentences[2].sent_id: expected a whole number, found text 'x'",
        "refs(unc).p: refs[3].sentences[3].raw: expected text, found null",
        "refs(unc).p: refs[4].ann_id: expected a whole number or a list, found text '1'",
    ):
        assert line in str(caught.value)


def test_references_that_are_no_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a list of references, found an object"):
        read(write(tmp_path, {"refs": []}, []))


def test_a_reference_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="reference 1 with sentence 1 stands 2 times"):
        read(write(tmp_path, [reference(), reference()], [annotation()]))


def test_all_mistakes_of_the_instances_are_told_at_once(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "1.jpg", "height": "10", "width": 12}]
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, [reference()], [annotation(), {"id": 2, "category_id": 5}], images=images))
    assert "instances.json: images[0].height: expected a whole number, found text '10'" in str(caught.value)
    assert "instances.json: annotations[1].segmentation: missing; expected a list or an object" in str(caught.value)


def test_an_unknown_split_names_those_there_are(tmp_path: Path) -> None:
    root = write(tmp_path, [reference(), reference(2, split="val")], [annotation()])
    with pytest.raises(
        DataError, match=r"no reference of the split 'tst'\. Did you mean 'test'\? Splits there: test, v"
    ):
        read(root, split="tst")


@pytest.mark.parametrize("name", ["refs(unc).p", "instances.json"])
def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path, name: str) -> None:
    root = write(tmp_path, [reference()], [annotation()])
    (root / "set" / name).unlink()
    with pytest.raises(MissingDataError, match=re.escape(f"{root / 'set' / name} does not exist")):
        read(root)


def test_the_real_layout_is_read(shared: Path) -> None:
    reader = ReferReader("rrsisd", images="images/rrsisd/JPEGImages")
    samples = list(reader.samples(shared / "data/real/rrsisd"))
    assert len(samples) == 9
    assert all(sample.defect is None and sample.images[0].path.is_file() for sample in samples)
    assert {sample.target.masks[0].size for sample in samples} == {(800, 800)}
    assert {sample.tags["category"] for sample in samples} == {"storagetank", "vehicle", "tenniscourt"}
    assert len(list(ReferReader("rrsisd", "val", images=reader.images).samples(shared / "data/real/rrsisd"))) == 3


def generalised(root: Path, *references: Any) -> list[Sample]:
    write(root, [], [annotation(1), annotation(2, segmentation=[SQUARE]), annotation(3, category_id=6)])
    tables = json.loads((root / "set" / "instances.json").read_text())
    tables["categories"].append({"id": 6, "name": "quay"})
    (root / "set" / "instances.json").write_text(json.dumps(tables))
    (root / "set" / "grefs(unc).json").write_text(json.dumps(references))
    return read(root, references="grefs({split_by}).json")


def test_a_generalised_reference_may_have_several_targets_or_none(tmp_path: Path) -> None:
    lists = ([1, 2, 3], [2], [-1], [])
    many, one, none, nothing = generalised(tmp_path, *(reference(at, ann_id=ids) for at, ids in enumerate(lists)))
    assert [area(mask) for mask in many.target.masks] == [4, 16, 4]
    assert many.tags == {"category": "quay, ship", "size": "small", "targets": "3"}
    assert ([area(mask) for mask in one.target.masks], one.tags["targets"]) == ([16], "1")
    for sample in (none, nothing):
        assert [(mask.size, area(mask)) for mask in sample.target.masks] == [((10, 12), 0)]
        assert sample.tags == {"category": "none", "size": "none", "targets": "0"}
        assert sample.defect is None


def test_a_target_that_is_not_there_is_a_defect(tmp_path: Path) -> None:
    (sample,) = generalised(tmp_path, reference(ann_id=[1, 9]))
    assert sample.defect == "reference 1: its annotation 9 is not in instances.json"
    assert sample.target.masks == ()


def test_targets_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"refs\[0\]\.ann_id: expected whole numbers in the list"):
        generalised(tmp_path, reference(ann_id=["1"]))


def test_further_tags_come_from_the_references(tmp_path: Path) -> None:
    references = [reference(1, place="north"), reference(2, ann_id=1, place=7)]
    samples = read(write(tmp_path, references, [annotation()]), tags={"where": "place"})
    assert [sample.tags["where"] for sample in samples] == ["north", "7"]


def test_a_reference_without_a_further_tag_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"refs\[0\]\.place: expected text or a whole number for a tag, found null"):
        read(write(tmp_path, [reference()], [annotation()]), tags={"where": "place"})
