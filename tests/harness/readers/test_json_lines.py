"""JSON Lines whose keys the task file names."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, MissingDataError
from harness.masks import from_runs
from harness.readers.json_lines import JsonLinesReader
from harness.records import Sample


def read(root: Path, lines: list[Any], **options: Any) -> list[Sample]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (root / "a.jsonl").write_text(text, encoding="utf-8")
    return list(JsonLinesReader("a.jsonl", **options).samples(root))


def test_keys_are_taken_as_named(tmp_path: Path) -> None:
    (tmp_path / "imgs").mkdir()
    (tmp_path / "imgs" / "7.png").touch()
    line = {"n": 12, "pic": "7.png", "text": "How many?", "gt": ["3", 4], "kind": True}
    options = {"fields": {"question": "text"}, "target": "gt", "id": "n", "image": "pic", "images": "imgs"}
    (sample,) = read(tmp_path, [line], **options, tags={"type": "kind"})
    assert sample.id == "12"
    assert sample.images[0].path == tmp_path / "imgs" / "7.png"
    assert sample.image_id == "7.png"
    assert sample.fields == {"question": "How many?"}
    assert sample.target.texts == ("3", "4")
    assert sample.tags == {"type": "true"}
    assert sample.defect is None


def test_lines_without_image_and_id_go_by_their_number(tmp_path: Path) -> None:
    lines = [{"question": "a\u2028b"}, "", {"question": "c"}]
    first, second = read(tmp_path, lines)
    assert (first.id, second.id) == ("1", "3")
    assert first.fields == {"question": "a\u2028b"}
    assert first.images == ()
    assert first.image_id == "1"


def test_masks_are_read_and_bad_ones_are_defects(tmp_path: Path) -> None:
    good, bad = {"size": [2, 2], "counts": [1, 3]}, {"size": [2, 2], "counts": "1"}
    lines = [{"question": "", "m": good}, {"question": "", "m": [good, good]}, {"question": "", "m": bad}]
    one, two, three = read(tmp_path, lines, mask="m")
    assert one.target.masks == (from_runs((2, 2), [1, 3]),)
    assert len(two.target.masks) == 2
    assert three.defect == (
        "a.jsonl: line 3: 'm': the mask's runs do not fill it: expected 2 x 2 = 4 pixels, found 1. "
        "Its size or its counts are damaged: write the mask again."
    )


def test_an_absent_image_and_one_outside_are_defects(tmp_path: Path) -> None:
    absent, outside = read(tmp_path, [{"question": "", "i": "x.png"}, {"question": "", "i": "../x.png"}], image="i")
    assert re.search(r"image x\.png: x\.png is not in", absent.defect or "")
    assert "outside its root" in (outside.defect or "")


def test_all_bad_lines_are_told_at_once(tmp_path: Path) -> None:
    good = {"question": "q", "gt": "a", "i": 1}
    lines = [good, "{", "[]", {"questoin": "q", "gt": "a", "i": 2}, good | {"i": 4, "gt": []}, good, good | {"i": None}]
    with pytest.raises(DataError) as caught:
        read(tmp_path, lines, target="gt", id="i")
    for message in (
        "a.jsonl: line 2: not valid JSON: ",
        "a.jsonl: line 3: expected an object, found a list",
        "a.jsonl: line 4: the key 'question' is missing. Did you mean 'questoin'?",
        "a.jsonl: line 5: 'gt': expected text or a number, found a list",
        "a.jsonl: line 6: the id '1' stands in line 1 already",
        "a.jsonl: line 7: 'i': expected text or a number, found null",
    ):
        assert message in str(caught.value)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=re.escape(f"{tmp_path / 'a.jsonl'} does not exist")):
        list(JsonLinesReader("a.jsonl").samples(tmp_path))


def test_a_file_outside_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="outside its root"):
        list(JsonLinesReader("../a.jsonl").samples(tmp_path))


def test_a_real_models_answers_are_read(shared: Path) -> None:
    reader = JsonLinesReader("rs_vqa__RSVQA_LR.jsonl", target="annotation", tags={"type": "vqa_type"})
    samples = list(reader.samples(shared / "data/earthdial"))
    assert len(samples) == 10_004
    assert samples[1].target.texts == ("urban",)
    assert samples[1].tags == {"type": "rural_urban"}
