"""The command `geopix-eval`: what it prints, what it refuses, and the exit codes."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.store import RunDirectory
from tests.harness.small_data import write_data, write_task


def geopix_eval(*arguments: object) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="geopix-eval")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


class Place:
    """A folder with data, a task and answers, and the command over them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = write_data(path / "data")
        self.tasks = write_task(path / "tasks").parent
        self.output = path / "run"

    def run(self, *arguments: object, model: object = "baseline:constant", tasks: str = "small") -> Result:
        places = ("--data-dir", self.data, "--output", self.output, "--task-dir", self.tasks)
        return geopix_eval("--tasks", tasks, "--model", model, *places, *arguments)

    def answers(self, *texts: str, name: str = "answers.jsonl", **keys: str) -> str:
        rows = [{"sample_id": str(number), "text": text} for number, text in enumerate(texts)]
        (self.path / name).write_text("\n".join(map(json.dumps, rows)))
        return f"replay:{self.path / name}"

    def oa(self, output: Path | None = None) -> float | None:
        return RunDirectory(output or self.output).result("small").primary.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refused(result: Result, code: int, *parts: str) -> None:
    """The command ended with this code, said these things on the error stream, and nothing on the other."""
    assert result.exit_code == code, result.output
    for part in parts:
        assert part in result.stderr
    assert result.stdout == ""


def test_a_run_prints_scores_and_where_they_are(place: Place) -> None:
    result = place.run()
    assert result.exit_code == 0
    assert "66.67" in result.stdout
    assert f"Report: geopix-eval leaderboard {place.output}" in result.stderr
    assert RunDirectory(place.output).manifest().argument == "baseline:constant"
    assert place.oa() == 8 / 12


def test_the_run_folder_is_named_after_the_model(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.path)
    arguments = ("--tasks", "small", "--task-dir", place.tasks, "--model", "baseline:constant")
    assert geopix_eval(*arguments).exit_code == 0
    assert place.oa(Path("runs") / "baseline-constant") == 8 / 12


def test_the_data_folder_may_come_from_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOPIX_DATA", str(place.data))
    arguments = ("--tasks", "small", "--task-dir", place.tasks, "--model", "baseline:constant")
    assert geopix_eval(*arguments, "--output", place.output).exit_code == 0


def test_a_task_may_be_a_path_and_stand_twice(place: Place) -> None:
    file = place.tasks / "small.yaml"
    result = geopix_eval(
        "--tasks",
        f"{file},{file}",
        *("--model", "baseline:constant", "--data-dir", place.data, "--output", place.output),
    )
    assert result.exit_code == 0
    assert result.stdout.count("oa ↑") == 1


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--tasks", "rrsis"], ["--model missing"]),
        (["--model", "baseline:constant"], ["--tasks missing"]),
        ([], ["--tasks and --model missing", "See `geopix-eval --help`"]),
        (["--tasks", ",", "--model", "baseline:constant"], ["--tasks names no task; see `geopix-eval ls`"]),
        (["--tasks", "rsis", "--model", "baseline:constant"], ["unknown task 'rsis'. Did you mean 'rrsis'?"]),
        (["--tasks", "x", "--model", "y", "--fail-on-error", "some"], ["--fail-on-error: expected any, never, a"]),
        (["--tasks", "x", "--model", "y", "--limit", "0"], ["0 is not in the range x>=1"]),
        (["ls", "--task-dir", "/absent"], ["the task folder /absent does not exist"]),
        (["show", "rsis"], ["unknown task 'rsis'. Did you mean 'rrsis'?"]),
        (["validate", "/absent"], ["/absent does not exist: expected a task file or a folder of them"]),
        (["lss"], ["No such command 'lss'"]),
    ],
)
def test_usage_mistakes_end_with_2(arguments: list[str], parts: list[str]) -> None:
    refused(geopix_eval(*arguments), 2, *parts)


@pytest.mark.parametrize(
    ("model", "code", "parts"),
    [
        ("basline:constant", 2, ["unknown model 'basline:constant'", "Did you mean 'baseline:constant'?"]),
        ("ckpt", 2, ["no folder of this name", "or the path of a checkpoint folder"]),
        ("baseline:median", 2, ["unknown baseline 'median'. Known: constant, whole-image"]),
        ("replay:absent.jsonl", 4, ["absent.jsonl cannot be read: No such file or directory"]),
    ],
)
def test_unknown_models_are_refused(place: Place, model: str, code: int, parts: list[str]) -> None:
    refused(place.run(model=model), code, *parts)
    assert not place.output.exists(), "nothing is written before everything is known"


@pytest.mark.parametrize(
    ("files", "code", "parts"),
    [
        ({}, 4, ["is no checkpoint folder: config.json cannot be read", "Found there: nothing"]),
        ({"model.bin": ""}, 4, ["Found there: model.bin. Expected what `save_pretrained` writes"]),
        ({"config.json": "{"}, 4, ["is no checkpoint folder: config.json cannot be read"]),
        ({"config.json": "[]"}, 4, ["is no checkpoint folder: config.json cannot be read"]),
        ({"config.json": '{"model_type": "geopx"}'}, 2, ["model_type 'geopx' has no adapter. Did you mean 'geopix'?"]),
        ({"config.json": '{"model_type": ["a"]}'}, 2, ["has no adapter"]),
    ],
)
def test_folders_that_are_no_checkpoint_are_refused(
    place: Place, files: dict[str, str], code: int, parts: list[str]
) -> None:
    folder = place.path / "ckpt"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    refused(place.run(model=folder), code, *parts)


def test_options_of_a_model_are_pairs(place: Place) -> None:
    refused(place.run("--model-option", "device"), 2, "expected KEY=VALUE, found 'device'")


def test_absent_data_end_with_4_before_the_model_is_loaded(place: Place) -> None:
    result = place.run(tasks="small,rsvqa_hr", model="no:such")
    refused(result, 4, "task rsvqa_hr: the data is not at", "RSVQA_HR", "Get it from https://zenodo.org", "--data-dir")


def test_a_task_with_three_mistakes_tells_them_all(place: Place) -> None:
    file = place.tasks / "small.yaml"
    text = file.read_text().replace("rsvqa, root", "rsvqaa, root").replace("capability: vqa", "capability: vpa")
    file.write_text(text.replace("slices: [type]", "slice: [type]"))
    parts = [
        f"{file}:5: dataset.reader: unknown reader",
        f"{file}:6: capability: input should be",
        f"{file}:11: slice:",
    ]
    refused(place.run(), 2, *parts)
    refused(geopix_eval("validate", file), 2, *parts, "3 mistakes in 1 file.")


def test_all_unknown_tasks_are_named_at_once(place: Place) -> None:
    outcome = geopix_eval("--tasks", "rsvqa_hrr,rrsiss", "--model", "baseline:constant", "--data-dir", place.path)
    refused(outcome, 2, "unknown task 'rsvqa_hrr'", "unknown task 'rrsiss'")


def test_an_unknown_task_is_told_the_nearest_or_all_and_a_file_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    near = geopix_eval("show", "rsis")
    refused(near, 2, "unknown task 'rsis'. Did you mean 'rrsis'? `geopix-eval ls` lists all.")
    assert "Known:" not in near.stderr
    refused(geopix_eval("show", "qqqqqq"), 2, "unknown task 'qqqqqq'. Known: ")
    (tmp_path / "qqqqqq.yaml").write_text("")
    refused(geopix_eval("show", "qqqqqq"), 2, "To run the file qqqqqq.yaml, give its name whole.")


def test_a_folder_without_task_files_is_not_right(tmp_path: Path) -> None:
    refused(geopix_eval("validate", tmp_path), 2, "no task file or board there; expected *.yaml")


@pytest.mark.parametrize(
    ("policy", "code"),
    [("any", 3), ("never", 0), ("1", 3), ("2", 0), ("10%", 3), ("20%", 0)],
)
def test_failed_samples_end_with_3_by_policy(place: Place, policy: str, code: int) -> None:
    result = place.run("--fail-on-error", policy, model=place.answers(*["yes"] * 10))
    assert result.exit_code == code
    assert "2 of 12 samples failed:" in result.stderr
    assert f"11: {place.path / 'answers.jsonl'} has no answer for sample 11" in result.stderr
    assert "The same command asks the failed samples again." in result.stderr
    reasons = {record.prediction.reason for record in RunDirectory(place.output).records("small")}
    assert f"{place.path / 'answers.jsonl'} has no answer for sample 11" in reasons


def test_the_records_of_a_run_can_be_replayed(place: Place) -> None:
    place.run(model=place.answers(*["yes", "no"] * 6))
    records = RunDirectory(place.output).records_path("small")
    again = place.path / "again"
    arguments = ("--task-dir", place.tasks, "--data-dir", place.data, "--output", again)
    assert geopix_eval("--tasks", "small", "--model", f"replay:{records}", *arguments).exit_code == 0
    assert place.oa(again) == place.oa() == 0.5


def test_replay_takes_the_files_own_names_and_refuses_bad_lines(place: Place) -> None:
    file = place.path / "theirs.jsonl"
    file.write_text("\n".join(json.dumps({"qid": number, "said": "yes"}) for number in range(12)))
    options = ("--model-option", "id=qid", "--model-option", "text=said")
    assert place.run(*options, model=f"replay:{file}").exit_code == 0
    assert place.oa() == 8 / 12
    file.write_text('{\n{"sample_id": 1}\n')
    refused(place.run(model=f"replay:{file}"), 4, "theirs.jsonl:1: not an answer", "theirs.jsonl:2: not an answer")


def test_another_model_may_not_go_on_with_a_run(place: Place) -> None:
    place.run()
    refused(place.run(model="baseline:whole-image"), 2, "holds the answers of baseline:constant", "--output")


def test_the_same_command_again_changes_no_byte(place: Place) -> None:
    place.run()
    before = {path: path.read_bytes() for path in place.output.rglob("*") if path.is_file()}
    assert place.run().exit_code == 0
    assert {path: path.read_bytes() for path in place.output.rglob("*") if path.is_file()} == before


def test_ls_names_every_task(place: Place) -> None:
    result = geopix_eval("ls", "--task-dir", place.tasks)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["rrsis,", "rrsis_d", "RRSIS-D,", "test", "split"] in lines
    assert ["small", "A", "small", "test"] in lines


def test_ls_lists_a_broken_file_with_its_mistake(place: Place) -> None:
    (place.tasks / "broken.yaml").write_text("a: [\n")
    result = geopix_eval("ls", "--task-dir", place.tasks)
    assert result.exit_code == 0
    assert f"cannot be read: {place.tasks / 'broken.yaml'}:2: not valid YAML" in result.stdout


def test_show_tells_what_a_task_is_made_of() -> None:
    result = geopix_eval("show", "rrsis_d")
    assert result.exit_code == 0
    for part in (
        "RRSIS-D, test split",
        "rrsisd/ below the data directory",
        "miou (primary)",
        "  | Please segment",
        "3,481 samples",
    ):
        assert part in result.stdout


def test_validate_counts_the_files_that_are_right(place: Place) -> None:
    result = geopix_eval("validate", place.tasks)
    assert (result.exit_code, result.stdout) == (0, "1 file is right.\n")


def test_help_names_the_exit_codes_and_the_data_folder() -> None:
    result = geopix_eval("--help")
    assert result.exit_code == 0
    for part in ("Exit codes: 0 done", "GEOPIX_DATA", "leaderboard"):
        assert part in result.stdout


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command: str) -> None:
    result = geopix_eval(command, "--help")
    assert result.exit_code == 0
    assert isinstance(main.commands[command], click.Command)
    assert main.commands[command].help is not None


def test_a_leaderboard_of_nothing_is_refused(tmp_path: Path) -> None:
    refused(geopix_eval("leaderboard", tmp_path), 2, "has no run below it: expected a folder made by `geopix-eval")


def test_a_leaderboard_needs_a_run_or_a_board(tmp_path: Path) -> None:
    refused(geopix_eval("leaderboard"), 2, "name a run, a folder that holds runs, or a --board")
    refused(geopix_eval("leaderboard", "--board", "geopics"), 2, "unknown board 'geopics'. Did you mean 'geopix'?")
    result = geopix_eval("leaderboard", "--board", "geopix", "-o", tmp_path / "board.html")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{tmp_path / 'board.html'} (0.")


def test_a_leaderboard_takes_a_baseline_and_writes_a_folder(place: Place) -> None:
    assert place.run(model="baseline:constant").exit_code == 0
    result = geopix_eval("leaderboard", place.output, "--format", "folder", "-o", place.path / "board")
    assert result.exit_code == 0, result.output
    assert (place.path / "board" / "index.html").is_file()
    assert (place.path / "board" / "data" / "task-1.js").is_file()
    wrong = geopix_eval("leaderboard", place.output, "--baseline", "baseline:constnat")
    refused(wrong, 2, "no run goes by the name 'baseline:constnat'. Did you mean 'baseline:constant'?")


def test_validate_checks_boards_beside_tasks(place: Place) -> None:
    board = place.tasks / "ours.yaml"
    board.write_text("board: ours\ntitle: Ours\ncolumns: [{task: small}, {task: smal}]\n")
    result = geopix_eval("validate", place.tasks)
    refused(
        result, 2, f"{board}:3: columns[1].task: unknown task 'smal'. Did you mean 'small'?", "1 mistake in 2 files."
    )


def test_real_data_end_to_end(shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "real"
    arguments = ("--data-dir", data, "--output", tmp_path / "floor")
    result = geopix_eval("--tasks", "rsvqa_hr,rrsis", "--model", "baseline:constant", *arguments)
    assert result.exit_code == 0, result.output
    run = RunDirectory(tmp_path / "floor")
    assert run.tasks() == ["rrsis", "rsvqa_hr"]
    assert (run.result("rsvqa_hr").counts.total, run.result("rrsis").counts.total) == (29, 9)
    by_type = {part.value: part.scores[0] for part in run.result("rsvqa_hr").slices}
    answers: list[dict[str, Any]] = json.loads((data / "RSVQA_HR" / "USGS_split_test_answers.json").read_text())[
        "answers"
    ]
    questions = json.loads((data / "RSVQA_HR" / "USGS_split_test_questions.json").read_text())["questions"]
    said = {row["id"]: row["answer"] for row in answers if row["active"]}
    for kind in ("presence", "comp"):
        asked = [said[row["answers_ids"][0]] for row in questions if row["active"] and row["type"] == kind]
        assert by_type[kind].value == pytest.approx(asked.count("yes") / len(asked))


def test_a_truncated_image_and_a_path_out_of_the_data_fail_their_samples_alone(shared: Path, tmp_path: Path) -> None:
    shutil.copytree(shared / "data" / "real" / "rrsisd", tmp_path / "rrsisd")
    pictures = sorted((tmp_path / "rrsisd" / "images" / "rrsisd" / "JPEGImages").iterdir())
    pictures[0].write_bytes(pictures[0].read_bytes()[:50])
    outside = tmp_path / "outside.jpg"
    pictures[1].rename(outside)
    pictures[1].symlink_to(outside)
    outside_root = tmp_path.parent / f"{tmp_path.name}-outside.jpg"
    outside.rename(outside_root)
    pictures[1].unlink()
    pictures[1].symlink_to(outside_root)
    arguments = ("--data-dir", tmp_path, "--output", tmp_path / "run", "--tasks", "rrsis")
    result = geopix_eval(*arguments, "--model", "baseline:constant")
    assert result.exit_code == 3, result.output
    records = {record.sample_id: record for record in RunDirectory(tmp_path / "run").records("rrsis")}
    reasons = [str(found.prediction.reason) for found in records.values() if found.prediction.status == "failed"]
    assert any("cannot be read" in reason for reason in reasons)
    assert any("outside its root" in reason for reason in reasons)
    assert 0 < len(reasons) < len(records)


class Evil:
    """Unpickling it would make a file."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, ("open('evil', 'w').close()",)


def test_a_pickle_that_tries_to_run_code_ends_with_4(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shared / "data" / "real" / "rrsisd", tmp_path / "rrsisd")
    (references,) = tmp_path.glob("rrsisd/**/refs(unc).p")
    references.write_bytes(pickle.dumps([Evil()]))
    arguments = ("--tasks", "rrsis", "--model", "baseline:constant", "--data-dir", tmp_path, "--output", "run")
    result = geopix_eval(*arguments)
    refused(result, 4, "refs(unc).p", "eval")
    assert not (tmp_path / "evil").exists()


def test_a_predicted_mask_of_the_wrong_size_is_told_with_both_sizes(shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "real"
    arguments = ("--tasks", "rrsis", "--data-dir", data, "--output")
    assert geopix_eval(*arguments, tmp_path / "floor", "--model", "baseline:constant").exit_code == 0
    rows = [
        {"sample_id": record.sample_id, "masks": [{"size": [2, 3], "counts": "06"}]}
        for record in RunDirectory(tmp_path / "floor").records("rrsis")
    ]
    (tmp_path / "small.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = geopix_eval(*arguments, tmp_path / "run", "--model", f"replay:{tmp_path / 'small.jsonl'}")
    assert result.exit_code == 0, result.output
    run = RunDirectory(tmp_path / "run")
    assert run.result("rrsis").counts.unparsed == 9
    assert run.result("rrsis").primary.value == 0
    for record in run.records("rrsis"):
        assert "2 x 3" in str(record.prediction.reason)
        assert "800 x 800" in str(record.prediction.reason)
