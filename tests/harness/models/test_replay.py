"""Answers from a file: whose records it takes, and every line it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ConfigurationError, DataError, EnvironmentProblem, SampleError
from harness.models.replay import Replay, replay
from harness.records import Mask, Request, Response
from harness.store import encode
from tests.harness.report import factory


def model(folder: Path, *lines: str | bytes, **options: str) -> Replay:
    file = folder / "answers.jsonl"
    file.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return replay(str(file), options)


def ask(replayed: Replay, *sample_ids: str) -> list[Response]:
    return replayed.respond([Request(sample_id, (), "", "vqa", {}) for sample_id in sample_ids])


def test_lines_of_ids_and_texts(tmp_path: Path) -> None:
    found = model(tmp_path, '{"sample_id": 1, "text": "yes"}', "", '{"sample_id": "b", "text": 7, "seconds": 2}')
    assert ask(found, "b", "1") == [Response(text="7", seconds=2.0), Response(text="yes")]
    assert (found.name, found.reads_images) == ("answers", False)


def test_masks_and_boxes(tmp_path: Path) -> None:
    line = '{"sample_id": "1", "masks": [{"size": [2, 3], "counts": "06"}], "boxes": [[0, 1, 2, 3.5]]}'
    assert ask(model(tmp_path, line), "1") == [Response("", (Mask((2, 3), "06"),), ((0.0, 1.0, 2.0, 3.5),))]


def test_the_records_of_an_earlier_run(tmp_path: Path) -> None:
    answered = factory.record("1", response=Response(text="Yes.", seconds=0.5, tokens=3))
    lost = replace(factory.record("2"), response=None)
    found = model(tmp_path, encode(answered), encode(lost))
    assert ask(found, "1") == [answered.response]
    with pytest.raises(SampleError, match=r"answers\.jsonl has no answer for sample 2"):
        ask(found, "2")


def test_the_files_own_key_names(tmp_path: Path) -> None:
    found = model(tmp_path, '{"question_id": 4, "prediction": "no"}', id="question_id", text="prediction")
    assert ask(found, "4") == [Response(text="no")]


def test_the_size_of_the_picture_seen_is_read_back(tmp_path: Path) -> None:
    found = model(tmp_path, '{"sample_id": 1, "text": "[1, 2, 3, 4]", "seen": [28, 56]}', boxes="qwen2_5_vl")
    assert ask(found, "1") == [Response(text="[1, 2, 3, 4]", box_family="qwen2_5_vl", seen=(28, 56))]
    for size in ("[28]", "[0, 28]", '"28"', "[28, 5.5]"):
        with pytest.raises(DataError, match=r"not an answer: expected a height and a width in pixels, found '"):
            model(tmp_path, f'{{"sample_id": 1, "text": "[1, 2, 3, 4]", "seen": {size}}}')


def test_how_boxes_are_written_is_declared(tmp_path: Path) -> None:
    found = model(tmp_path, '{"sample_id": 1, "text": "[1, 2, 3, 4]"}', boxes="internvl")
    assert ask(found, "1") == [Response(text="[1, 2, 3, 4]", box_family="internvl")]
    with pytest.raises(
        ConfigurationError, match="replay option boxes: unknown family 'intern'. Did you mean 'internvl'"
    ):
        model(tmp_path, boxes="intern")


def test_another_file_is_another_model(tmp_path: Path) -> None:
    first = model(tmp_path, '{"sample_id": "1", "text": "yes"}').digest
    assert model(tmp_path, '{"sample_id": "1", "text": "no"}').digest != first
    assert model(tmp_path, '{"sample_id": "1", "text": "yes"}', text="text").digest != first


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        model(
            tmp_path,
            '{"sample_id": "1", "text": "yes"}',
            "{",
            "[1]",
            '{"sample_id": "1", "text": "no"}',
            '{"text": "no"}',
            '{"sample_id": "2"}',
            '{"sample_id": "3", "masks": [{"size": [], "counts": ""}]}',
            '{"sample_id": "4", "text": "", "boxes": [[1, 2]]}',
            '{"sample_id": "5", "text": "", "seconds": "long"}',
        )
    *found, remedy = str(refusal.value).splitlines()
    assert remedy.startswith(
        "Each line should be a JSON object with the keys 'sample_id' and 'text'. Where they have other"
    )
    lines = [line.partition("answers.jsonl:")[2] for line in found]
    assert [line.partition(":")[0] for line in lines] == ["2", "3", "4", "5", "6", "7", "8", "9"]
    assert lines[2] == "4: a second answer for sample 1"
    assert lines[3] == "5: not an answer: the key 'sample_id' is missing"
    assert lines[4] == "6: not an answer: the key 'text' is missing"


def test_a_file_of_bad_lines_does_not_flood_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        model(tmp_path, *["{"] * 30)
    assert str(refusal.value).splitlines()[-2] == "and 10 more"
    assert len(str(refusal.value).splitlines()) == 22


def test_an_absent_file_and_an_unknown_option_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        EnvironmentProblem, match=r"absent\.jsonl cannot be read: No such file .* answers after `replay:`"
    ):
        replay(str(tmp_path / "absent.jsonl"), {})
    with pytest.raises(
        ConfigurationError, match=r"replay has no option 'texts'. Did you mean 'text'\? Known: id, text"
    ):
        model(tmp_path, texts="a")
