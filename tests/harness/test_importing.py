"""Other people's answers as a run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.store import RunDirectory

MAP = ("prompt=question", "text=answer", "target=annotation", "tag.type=vqa_type")


def imported(file: Path, output: Path, *mapping: str, task: str = "rsvqa_lr") -> Result:
    maps = [word for pair in mapping for word in ("--map", pair)]
    arguments = ["import", str(file), "--task", task, "--output", str(output), *maps]
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def lines(file: Path, *rows: object) -> Path:
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


def row(answer: object, annotation: object = "yes", **more: object) -> dict[str, object]:
    return {"question": "Is it?", "answer": answer, "annotation": annotation, "vqa_type": "presence", **more}


def test_earthdials_published_scores(shared: Path, tmp_path: Path) -> None:
    file = shared / "data" / "earthdial" / "rs_vqa__RSVQA_LR.jsonl"
    result = imported(file, tmp_path / "run", *MAP)
    assert result.exit_code == 0, result.output
    found = RunDirectory(tmp_path / "run").result("rsvqa_lr")
    by_type = {part.value: next(score for score in part.scores if score.name == "oa") for part in found.slices}
    published = {"presence": 92.59, "comp": 92.75, "rural_urban": 94.00}
    for kind, score in published.items():
        value = by_type[kind].value
        assert value is not None
        assert round(100 * value, 2) == score
    assert found.counts.total == 10_004
    assert "Questions, right answers and answers were imported from rs_vqa__RSVQA_LR.jsonl." in found.notes


def test_several_right_answers(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # METEOR's Java is tested where the metric is
    file = shared / "data" / "earthdial" / "rs_image_caption__sydney_Captions.jsonl"
    several = ",".join(f"caption{number}" for number in range(5))
    mapping = ("prompt=question", "text=answer", f"target={several}")
    result = imported(file, tmp_path / "run", *mapping, task="sydney_captions")
    assert result.exit_code == 0, result.output
    expected = json.loads((shared / "parity/metrics/captions_sydney_earthdial.json").read_text())["expected"]["corpus"]
    found = {score.name: score.value for score in RunDirectory(tmp_path / "run").result("sydney_captions").scores}
    assert found["cider"] == pytest.approx(expected["CIDEr"], abs=1e-9)
    assert found["bleu4"] == pytest.approx(expected["Bleu_4"], abs=1e-9)
    rows = [row("yes", ["no", "yes"]), row("yes", [True, "no"]), row("yes", ["no"])]
    result = imported(lines(tmp_path / "a.jsonl", *rows), tmp_path / "list", *MAP, task="rsvqa_lr_geochat")
    assert result.exit_code == 0, result.output
    records = list(RunDirectory(tmp_path / "list").records("rsvqa_lr_geochat"))
    assert [record.target.texts for record in records] == [("no", "yes"), ("true", "no"), ("no",)]


def test_ids_images_and_empty_answers(tmp_path: Path) -> None:
    rows = [row("yes", image="a.png", qid=7), row(None, image="a.png", qid=8), row(True, qid=9, image="b.png")]
    result = imported(lines(tmp_path / "their.jsonl", *rows), tmp_path / "run", *MAP, "image=image", "id=qid")
    assert result.exit_code == 0, result.output
    records = list(RunDirectory(tmp_path / "run").records("rsvqa_lr"))
    assert [record.sample_id for record in records] == ["7", "8", "9"]
    assert [record.cluster for record in records] == ["a.png", "a.png", "b.png"]
    assert [record.prediction.status for record in records] == ["ok", "empty", "unparsed"]
    assert records[0].prompt == "Is it?"
    assert RunDirectory(tmp_path / "run").manifest().model == "their"


def test_right_answers_that_cannot_be_read_fail_and_end_with_3(tmp_path: Path) -> None:
    result = imported(lines(tmp_path / "a.jsonl", row("yes"), row("yes", "perhaps")), tmp_path / "run", *MAP)
    assert result.exit_code == 3
    assert "1 of 2 samples failed" in result.stderr
    reason = list(RunDirectory(tmp_path / "run").records("rsvqa_lr"))[1].prediction.reason
    assert reason is not None
    assert "the data set's own answer to a question of type 'presence' is unusable" in reason


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (MAP[:1], "where the file keeps text, target is not said. Add --map text=FIELD --map target=FIELD."),
        (
            (*MAP, "txt=a"),
            "--map txt=..: unknown key 'txt'. Did you mean 'text'? Known: prompt, text, target, id, image",
        ),
        ((*MAP, "id"), "expected KEY=VALUE, found 'id'"),
    ],
)
def test_mappings_are_checked(tmp_path: Path, mapping: tuple[str, ...], message: str) -> None:
    result = imported(lines(tmp_path / "a.jsonl", row("yes")), tmp_path / "run", *mapping)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", row("yes"), "{", "", "[1]", {"question": "?", "answer": "a", "anotation": "b"})
    result = imported(file, tmp_path / "run", *MAP)
    assert (result.exit_code, result.stdout) == (4, "")
    assert f"{file}:2: not a JSON object" in result.stderr
    assert f"{file}:4: not a JSON object" in result.stderr
    assert f"{file}:5: no field 'annotation'. Did you mean 'anotation'? Found: question, answer, anotation." in (
        result.stderr
    )


def test_absent_files_empty_files_and_unknown_tasks_are_refused(tmp_path: Path) -> None:
    absent = imported(tmp_path / "absent.jsonl", tmp_path / "run", *MAP)
    assert absent.exit_code == 4
    assert "absent.jsonl cannot be read: No such file or directory. Expected JSON Lines." in absent.stderr
    unknown = imported(lines(tmp_path / "a.jsonl", row("yes")), tmp_path / "run", *MAP, task="rsvqa_l")
    assert unknown.exit_code == 2
    assert "unknown task 'rsvqa_l'" in unknown.stderr
    empty = imported(lines(tmp_path / "b.jsonl"), tmp_path / "run", *MAP)
    assert empty.exit_code == 4
    assert "b.jsonl holds no line" in empty.stderr
