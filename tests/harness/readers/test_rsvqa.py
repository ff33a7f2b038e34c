"""RSVQA's files: what is read, what is skipped, what is a defect and what stops the run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigurationError, DataError, MissingDataError
from harness.readers.rsvqa import RsvqaReader
from harness.records import Sample

Table = list[dict[str, Any]]


def question(number: int, **changes: Any) -> dict[str, Any]:
    row = {"id": number, "img_id": 7, "type": "presence", "question": "Is there a road?", "answers_ids": [number]}
    return {**row, "active": True, **changes}


def answer(number: int, text: Any = "yes", **changes: Any) -> dict[str, Any]:
    return {"id": number, "question_id": number, "answer": text, "active": True, **changes}


def write(root: Path, questions: Any, answers: Any, images: Any, pictures: tuple[str, ...] = ("7.tif",)) -> Path:
    for kind, table in (("questions", questions), ("answers", answers), ("images", images)):
        (root / f"T_{kind}.json").write_text(json.dumps({kind: table}))
    (root / "Data").mkdir(exist_ok=True)
    for name in pictures:
        (root / "Data" / name).touch()
    return root


def read(root: Path, **options: Any) -> list[Sample]:
    return list(RsvqaReader("T", **options).samples(root))


IMAGE = {"id": 7, "active": True}


def test_a_question_becomes_a_sample(tmp_path: Path) -> None:
    root = write(tmp_path, [question(3)], [answer(3, "no")], [IMAGE])
    (sample,) = read(root)
    assert sample.id == "3"
    assert sample.fields == {"question": "Is there a road?"}
    assert sample.target.texts == ("no",)
    assert sample.tags == {"type": "presence"}
    assert sample.image_id == "7"
    assert sample.images[0].path == root / "Data" / "7.tif"
    assert sample.defect is None


def test_inactive_rows_are_skipped_and_the_order_is_the_files(tmp_path: Path) -> None:
    questions = [question(5), {"id": 4, "active": False}, question(2)]
    answers = [answer(2, 14), {"id": 9, "active": False}, answer(5)]
    samples = read(write(tmp_path, questions, answers, [IMAGE, {"id": 8, "active": False}]))
    assert [(sample.id, sample.target.texts) for sample in samples] == [("5", ("yes",)), ("2", ("14",))]


def test_the_first_answer_counts(tmp_path: Path) -> None:
    (sample,) = read(write(tmp_path, [question(1, answers_ids=[2, 1])], [answer(1, "yes"), answer(2, "no")], [IMAGE]))
    assert sample.target.texts == ("no",)


def test_extensions_are_tried_in_order(tmp_path: Path) -> None:
    root = write(tmp_path, [question(1)], [answer(1)], [IMAGE], pictures=("7.png", "7.jpg"))
    assert [sample.images[0].path.name for sample in read(root)] == ["7.png"]
    assert [sample.images[0].path.name for sample in read(root, extensions=["jpg", "png"])] == ["7.jpg"]


def test_types_keep_only_theirs(tmp_path: Path) -> None:
    root = write(tmp_path, [question(1), question(2, type="count")], [answer(1), answer(2, "3")], [IMAGE])
    assert [sample.id for sample in read(root, types=["count"])] == ["2"]
    with pytest.raises(ConfigurationError, match=r"type 'coumt'\. Did you mean 'count'\? Types there: count, presence"):
        read(root, types=["coumt"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            question(1, answers_ids=[40]),
            r"T_questions\.json: questions\[0\]: its answer 40 has no active row in T_answ",
        ),
        (question(1, answers_ids=[2]), r"its answer 2 has no active row in T_answers\.json"),
        (question(1, img_id=8), r"its image 8 has no active row in T_images\.json"),
        (question(1, img_id=9), r"image 9: 9\.tif or 9\.png is not in .*Data"),
    ],
)
def test_a_question_that_cannot_be_used_is_a_defect(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    answers = [answer(1), answer(2, active=False)]
    (sample,) = read(write(tmp_path, [row], answers, [IMAGE, {"id": 9, "active": True}]))
    assert re.search(reason, sample.defect or "")


def test_an_image_outside_the_data_is_a_defect_without_a_path(tmp_path: Path) -> None:
    (tmp_path / "secret.tif").touch()
    root = tmp_path / "set"
    root.mkdir()
    outside = "../../secret"
    write(root, [question(1, img_id=outside)], [answer(1)], [{"id": outside}])
    (sample,) = read(root)
    assert sample.images == ()
    assert sample.defect is not None
    assert "'Data/../../secret.tif' leads to" in sample.defect
    assert f"outside its root {root.resolve()}" in sample.defect


def test_an_image_that_links_outside_the_data_is_a_defect(tmp_path: Path) -> None:
    (tmp_path / "secret.tif").touch()
    root = tmp_path / "set"
    root.mkdir()
    write(root, [question(1)], [answer(1)], [IMAGE], pictures=())
    (root / "Data" / "7.tif").symlink_to(tmp_path / "secret.tif")
    (sample,) = read(root)
    assert sample.images == ()
    assert "outside its root" in (sample.defect or "")


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    bad = [
        question(1, question=None),
        question(2, answers_ids=[]),
        question(3, answers_ids=["a", None]),
        question(4, answers_ids=[None]),
        "seven",
        {**question(5), "active": "no"},
        {name: value for name, value in question(6).items() if name != "img_id"} | {"imgid": 7},
        question(7, type=5),
        question(3),
    ]
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, bad, [answer(1)], [IMAGE]))
    message = str(caught.value)
    for line in (
        "T_questions.json: questions[0].question: expected text, found null",
        "T_questions.json: questions[1].answers_ids: expected at least one answer's id, found an empty list",
        "T_questions.json: questions[3].answers_ids: expected at least one answer's id, found null",
        "T_questions.json: questions[4]: expected an object, found text 'seven'",
        "T_questions.json: questions[5].active: expected true or false, found text 'no'",
        "T_questions.json: questions[6].img_id: missing; expected a whole number or text. Did you mean 'imgid'?",
        "T_questions.json: questions[7].type: expected text, found a whole number, 5",
        "T_questions.json: questions[8].id: 3 is the id of questions[2] already",
    ):
        assert line in message
    assert message.startswith(str(tmp_path / "T_questions.json"))
    assert "download it again" in message


def test_only_twenty_mistakes_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, [question(number, type=None) for number in range(30)], [], []))
    assert str(caught.value).count("expected text, found null") == 20
    assert "and 10 more" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"questions": [', r"T_questions\.json: not valid JSON: .*line 1 column \d+.*Was the download cut short"),
        ("[]", r"expected an object with the list 'questions', found a list"),
        ('{"question": []}', r"the list 'questions' is missing; found the keys 'question'"),
        ("{}", r"the list 'questions' is missing; found the keys none"),
        ('{"questions": 3}', r"questions: expected a list, found a whole number, 3"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    root = write(tmp_path, [], [], [])
    (root / "T_questions.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read(root)


def test_a_missing_file_says_where_it_was_looked_for_and_what_lies_there(tmp_path: Path) -> None:
    root = write(tmp_path, [question(1)], [answer(1)], [IMAGE])
    (root / "T_answers.json").rename(root / "T_answer.json")
    with pytest.raises(MissingDataError) as caught:
        read(root)
    message = str(caught.value)
    assert f"{root / 'T_answers.json'} does not exist; expected the split's answers there." in message
    assert "Did you mean 'T_answer.json'?" in message
    assert f"{root} holds: Data, T_answer.json, T_images.json, T_questions.json." in message
    assert "Download the data set's files into this folder" in message


def test_a_missing_file_is_not_mistaken_for_another_of_the_split(tmp_path: Path) -> None:
    root = write(tmp_path, [question(1)], [answer(1)], [IMAGE])
    (root / "T_answers.json").unlink()
    with pytest.raises(MissingDataError, match=r"answers there\. .* holds: Data, T_images\.json, T_questions\.json"):
        read(root)


def test_a_missing_folder_of_images_stops_the_run(tmp_path: Path) -> None:
    root = write(tmp_path, [question(1)], [answer(1)], [IMAGE])
    with pytest.raises(MissingDataError, match=r"Dat does not exist; .*images there\. Did you mean 'Data'\?"):
        read(root, images="Dat")


def test_a_missing_place_tells_of_the_nearest_folder_there_is(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=rf"{tmp_path} is empty"):
        read(tmp_path / "RSVQA_HR")


def test_the_real_layout_is_read(shared: Path) -> None:
    samples = list(RsvqaReader("USGS_split_test").samples(shared / "data/real/RSVQA_HR"))
    assert len(samples) == 29
    assert {sample.tags["type"] for sample in samples} == {"presence", "comp", "count", "area"}
    assert all(sample.defect is None and sample.images[0].path.is_file() for sample in samples)
