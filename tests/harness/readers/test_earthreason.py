"""EarthReason: an image, its mask and its questions by one stem; no target where the answers are empty."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError, MissingDataError
from harness.masks import area
from harness.readers.earthreason import NO_TARGET, EarthReasonReader
from harness.records import Sample


def write(root: Path, stem: str = "1", questions: Any = None, pixels: int = 3, image: str = "jpg") -> Path:
    folder = root / "test"
    for kind in ("images", "labels", "QAs"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 2)).save(folder / "images" / f"{stem}.{image}")
    mask = np.zeros(8, dtype=np.uint8)
    mask[:pixels] = 255
    Image.fromarray(mask.reshape(2, 4)).save(folder / "labels" / f"{stem}.png")
    asked = {"questions": ["Where?", "Where else?"], "answer": ["There.", "Here."]} if questions is None else questions
    (folder / "QAs" / f"{stem}.json").write_text(json.dumps(asked))
    return root


def read(root: Path) -> list[Sample]:
    return list(EarthReasonReader().samples(root))


def test_an_image_is_a_sample(tmp_path: Path) -> None:
    write(tmp_path, "b")
    first, second = read(write(tmp_path, "a", image="png"))
    assert (first.id, second.id) == ("a", "b")
    assert first.fields == {"question": "Where?"}
    assert first.target.texts == ("There.", "Here.")
    assert area(first.target.masks[0]) == 3
    assert (first.tags, first.defect) == ({"empty": "no", "size": "small"}, None)


def test_an_empty_list_of_answers_means_that_there_is_no_target(tmp_path: Path) -> None:
    (sample,) = read(write(tmp_path, questions={"questions": ["Where?"], "answer": []}, pixels=0))
    assert sample.target.texts == (NO_TARGET,)
    assert (area(sample.target.masks[0]), sample.target.masks[0].size) == (0, (2, 4))
    assert (sample.tags, sample.defect) == ({"empty": "yes", "size": "none"}, None)


@pytest.mark.parametrize(
    "questions",
    [
        [],
        {"questions": [], "answer": []},
        {"questions": ["a"]},
        {"questions": "a", "answer": []},
        {"questions": [5], "answer": []},
    ],
)
def test_questions_of_another_form_are_a_defect(tmp_path: Path, questions: Any) -> None:
    (sample,) = read(write(tmp_path, questions=questions))
    assert re.match(
        r"image 1: .*1\.json needs `questions`, a list of one text or more, and `answer`", sample.defect or ""
    )
    assert sample.tags == {"empty": "unknown", "size": "unknown"}


def test_questions_that_are_no_json_are_a_defect(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "test" / "QAs" / "1.json").write_text("{")
    assert "1.json are not valid JSON" in (read(tmp_path)[0].defect or "")


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [("QAs", "1.json", "its questions .*cannot be read"), ("labels", "1.png", "its mask: image 1: 1.png is not in")],
)
def test_a_file_without_its_partner_is_a_defect(tmp_path: Path, kind: str, name: str, reason: str) -> None:
    write(tmp_path)
    (tmp_path / "test" / kind / name).unlink()
    assert re.search(reason, read(tmp_path)[0].defect or "")


@pytest.mark.parametrize("kind", ["images", "labels", "QAs"])
def test_an_absent_folder_is_named(tmp_path: Path, kind: str) -> None:
    write(tmp_path)
    (tmp_path / "test" / kind).rename(tmp_path / "other")
    with pytest.raises(MissingDataError, match=rf"{kind} does not exist"):
        read(tmp_path)


def test_a_folder_without_an_image_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "test" / "images" / "1.jpg").unlink()
    with pytest.raises(DataError, match=r"images holds no image that ends in \.jpg, \.jpeg, \.png\."):
        read(tmp_path)
