"""Stored answers scored anew: the numbers of a fresh run, without model or data set; what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.masks import from_runs
from harness.results import TaskResult
from harness.store import RunDirectory
from tests.harness.small_data import write_data, write_task

ROOFS = """\
name: {name}
version: 1
title: Roofs
dataset:
  {{reader: json_lines, root: ROOFS, file: t.jsonl, id: key, target: answer, tags: {{kind: kind}}, mask: mask}}
capability: {capability}
prompt: "{{{{ question }}}}"
parser: {parser}
metrics: {metrics}
slices: [kind]
cluster: sample_id
"""
LOWER, AS_WRITTEN = "{name: short_answer, steps: [strip, lower]}", "{name: short_answer, steps: [strip]}"
OA = "[{name: accuracy, as: oa, primary: true}]"


def geopix_eval(*arguments: object) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="geopix-eval")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


class Place:
    """Questions about roofs, answers to them, and runs over both."""

    def __init__(self, path: Path) -> None:
        self.path, self.run, self.tasks = path, path / "run", path / "tasks"
        self.tasks.mkdir()
        masks = [[from_runs((2, 2), runs) for runs in pair] for pair in ([[0, 1, 3], [1, 1, 2]], [[2, 2], [3, 1]])]
        rows = [
            {
                "key": f"r{number}",
                "question": f"What is {number}?",
                "answer": ["Red", "flat", "Tiles"][number % 3],
                "kind": "ab"[number % 2],
                "mask": [{"size": mask.size, "counts": mask.counts} for mask in masks[number % 2]],
            }
            for number in range(6)
        ]
        (path / "data" / "ROOFS").mkdir(parents=True)
        (path / "data" / "ROOFS" / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
        answers = ["Red", "FLAT", "tiles", "red", "", "Tiles"]
        given = [
            {"sample_id": f"r{number}", "text": text, "masks": rows[number]["mask"]}
            for number, text in enumerate(answers)
        ]
        (path / "answers.jsonl").write_text("\n".join(map(json.dumps, given)))

    def task(self, name: str, parser: str = LOWER, metrics: str = OA, capability: str = "vqa") -> Path:
        file = self.tasks / f"{name}.yaml"
        file.write_text(ROOFS.format(name=name, parser=parser, metrics=metrics, capability=capability))
        return file

    def answer(self, file: Path, output: Path | None = None, *arguments: object) -> TaskResult:
        places = ("--data-dir", self.path / "data", "--output", output or self.run, "--model")
        result = geopix_eval("--tasks", file, *places, f"replay:{self.path / 'answers.jsonl'}", *arguments)
        assert result.exit_code in (0, 3), result.output
        return RunDirectory(output or self.run).result(file.stem)

    def files(self, run: Path, task: str = "roofs") -> tuple[bytes, bytes]:
        return (run / task / "result.json").read_bytes(), (run / task / "records.jsonl").read_bytes()

    def rescore(self, *arguments: object) -> Result:
        return geopix_eval("rescore", self.run, "--task-dir", self.tasks, *arguments)

    def value(self, score: str, run: Path | None = None, task: str = "roofs") -> float | None:
        scores = RunDirectory(run or self.run).result(task).scores
        return next(found.value for found in scores if found.name == score)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refused(result: Result, code: int, *parts: str) -> None:
    assert result.exit_code == code, result.output
    for part in parts:
        assert part in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("limit", [(), ("--limit", 3)], ids=["whole", "limited"])
def test_an_unchanged_task_gives_the_same_bytes_without_the_data(place: Place, limit: tuple[object, ...]) -> None:
    place.answer(place.task("roofs"), None, *limit)
    before = place.files(place.run)
    shutil.rmtree(place.path / "data")
    (place.path / "answers.jsonl").unlink()
    result = place.rescore()
    assert result.exit_code == 0, result.output
    assert "oa ↑" in result.stdout
    assert place.files(place.run) == before


def test_another_parser_reads_the_data_sets_own_answers_as_a_fresh_run_does(place: Place) -> None:
    place.answer(place.task("roofs"))
    assert place.value("oa") == 5 / 6
    strict = place.task("roofs", AS_WRITTEN)
    assert place.rescore("-o", place.path / "out").exit_code == 0
    place.answer(strict, place.path / "fresh")
    assert place.value("oa", place.path / "out") == 2 / 6
    assert place.files(place.path / "out") == place.files(place.path / "fresh")
    assert place.value("oa") == 5 / 6, "the run itself stays as it was"


def test_several_true_masks_that_the_parser_united_are_there_for_another_parser(place: Place) -> None:
    metrics = "[{name: mean_iou, as: miou, primary: true}]"
    place.answer(place.task("roofs", "{name: mask}", metrics, "segment"))
    first = place.task("roofs", "{name: mask, several: first}", metrics, "segment")
    assert place.rescore("-o", place.path / "out").exit_code == 0
    place.answer(first, place.path / "fresh")
    assert place.files(place.path / "out") == place.files(place.path / "fresh")
    assert place.value("miou") != place.value("miou", place.path / "out")


def test_a_task_file_scores_the_answers_of_another_task_under_its_own_name(place: Place) -> None:
    place.answer(place.task("roofs"))
    other = place.task("roofs_strict", AS_WRITTEN, "[{name: accuracy, as: exact, primary: true}]")
    assert place.rescore("--metrics", other).exit_code == 0
    place.answer(other, place.path / "fresh")
    assert RunDirectory(place.run).tasks() == ["roofs", "roofs_strict"]
    assert place.files(place.run, "roofs_strict")[0] == place.files(place.path / "fresh", "roofs_strict")[0]
    again = place.rescore("--metrics", other, "--task", "roofs")
    assert again.exit_code == 0


def test_metrics_are_added_by_name(place: Place) -> None:
    place.answer(place.task("roofs"))
    assert place.rescore("--metrics", "accuracy,accuracy").exit_code == 0
    result = RunDirectory(place.run).result("roofs")
    assert [(score.name, score.value) for score in result.scores] == [("oa", 5 / 6), ("accuracy", 5 / 6)]
    assert result.primary.name == "oa"


def test_a_new_folder_gets_the_pictures_and_the_command(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.answer(place.task("roofs"))
    previews = place.run / "roofs" / "previews"
    previews.mkdir()
    (previews / "a.webp").write_bytes(b"picture")
    monkeypatch.setattr("sys.argv", ["geopix-eval", "rescore"])
    out = place.path / "out"
    assert place.rescore("-o", out).exit_code == 0
    assert (out / "roofs" / "previews" / "a.webp").read_bytes() == b"picture"
    old, new = RunDirectory(place.run).manifest(), RunDirectory(out).manifest()
    assert new.command == ("geopix-eval", "rescore")
    assert (new.digest, new.started) == (old.digest, old.started)


def test_an_imported_run_is_scored_anew_too(place: Place) -> None:
    rows = [{"q": "Is it?", "t": "yes", "a": answer} for answer in ("Yes", "no", "perhaps")]
    (place.path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)))
    mapping = [part for key in ("prompt=q", "target=t", "text=a") for part in ("--map", key)]
    task = ("--task", "rsvqa_lr_geochat", "--output", place.run)
    imported = geopix_eval("import", place.path / "all.jsonl", *task, *mapping, "--map", "tag.type=q")
    assert imported.exit_code == 0, imported.output
    before = place.files(place.run, "rsvqa_lr_geochat")
    assert geopix_eval("rescore", place.run).exit_code == 0
    assert place.files(place.run, "rsvqa_lr_geochat") == before


def test_samples_that_had_no_answer_stay_failed(place: Place) -> None:
    lines = (place.path / "answers.jsonl").read_text().splitlines()
    (place.path / "answers.jsonl").write_text("\n".join(lines[1:]))
    place.answer(place.task("roofs"))
    result = place.rescore()
    assert result.exit_code == 3
    assert "1 of 6 samples failed" in result.stderr
    assert "No model was asked; run the task again to ask these samples." in result.stderr
    assert place.rescore("--fail-on-error", "never").exit_code == 0


def edit_result(place: Place, **changes: Any) -> None:
    file = place.run / "roofs" / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_records_that_are_missing_torn_or_others_are_refused(place: Place) -> None:
    place.answer(place.task("roofs"))
    records = place.run / "roofs" / "records.jsonl"
    whole = records.read_bytes()
    lines = whole.splitlines(keepends=True)
    again = "Run the same `geopix-eval --tasks ..` command again"
    records.write_bytes(whole[:-5])
    refused(place.rescore(), 4, f"{records}:6: the last line is torn", again)
    records.write_bytes(b"".join(lines[:-1]))
    refused(place.rescore(), 4, "holds 5 records, and result.json counts 6", again)
    records.write_bytes(b"".join([*lines[:-1], lines[0]]))
    refused(place.rescore(), 4, "more than one record of sample 'r0'", again)
    records.write_bytes(whole.replace(b"What is 3?", b"What is 4?"))
    refused(place.rescore(), 4, "are not those that its result.json is of", again)
    records.unlink()
    refused(place.rescore(), 4, f"{records} does not exist: the answers of task roofs are gone", again)
    records.write_bytes(whole)
    (place.run / "roofs" / "result.json").unlink()
    refused(place.rescore(), 2, "task roofs is not finished, so records are missing", again)
    refused(place.rescore("--task", "roofs"), 2, "task roofs is not finished, so records are missing")
    assert records.read_bytes() == whole


def test_unknown_names_are_told_with_the_nearest(place: Place) -> None:
    place.answer(place.task("roofs"))
    refused(place.rescore("--task", "rofs"), 2, "no answers to task 'rofs'. Did you mean 'roofs'?", "Its finished")
    refused(place.rescore("--metrics", "acuracy"), 2, "unknown metric 'acuracy'. Did you mean 'accuracy'?")
    needed = "metric 'precision_at' needs threshold. Write a task file with `extends: roofs`"
    refused(place.rescore("--metrics", "precision_at"), 2, needed)
    refused(place.rescore("--metrics", ","), 2, "--metrics names no metric")
    refused(place.rescore("--metrics", "absent.yaml"), 2, "absent.yaml cannot be read")
    refused(geopix_eval("rescore", place.run), 2, "unknown task 'roofs'", "with --task-dir, or a task file with")
    refused(geopix_eval("rescore", place.path), 4, "run.json cannot be read", "Is this a run directory?")


def test_a_task_file_needs_to_know_whose_answers_it_scores(place: Place) -> None:
    write_data(place.path / "data")
    place.answer(place.task("roofs"))
    tasks = ("--tasks", write_task(place.tasks), "--data-dir", place.path / "data", "--output", place.run)
    assert geopix_eval(*tasks, "--model", f"replay:{place.path / 'answers.jsonl'}").exit_code == 3
    other = place.task("other")
    expected = "has the tasks roofs, small; say with --task whose answers other is to score"
    refused(place.rescore("--metrics", other), 2, expected)


def test_a_run_of_another_model_is_not_written_over(place: Place) -> None:
    place.answer(place.task("roofs"))
    tasks = ("--tasks", place.tasks / "roofs.yaml", "--data-dir", place.path / "data")
    geopix_eval(*tasks, "--model", "baseline:constant", "--output", place.path / "out")
    refused(place.rescore("-o", place.path / "out"), 2, "holds the answers of baseline:constant")
