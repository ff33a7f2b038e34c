"""New task files: right as they stand, explained key by key, never written over anything."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from harness.catalog import Catalogue, entries, shipped
from harness.cli import main
from harness.plugins import installed
from harness.scaffold import OF_ITS_OWN, task_text
from harness.spec import TaskSpec
from tests.harness.small_data import write_data, write_task


def new(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["new", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("like", [entry.name for entry in entries([shipped("tasks")])])
def test_a_file_made_like_any_task_is_right_and_scores_like_it(like: str, tmp_path: Path) -> None:
    catalogue = Catalogue([shipped("tasks")], installed())
    file = tmp_path / "mine.yaml"
    file.write_text(task_text("mine", like, catalogue), "utf-8")
    assert [str(problem) for problem in Catalogue([shipped("tasks")], installed()).problems(file)] == []
    made, base = catalogue.task(str(file)).spec, catalogue.task(like).spec
    for key in ("dataset", "capability", "prompt", "generation", "parser", "metrics", "slices", "cluster"):
        assert getattr(made, key) == getattr(base, key), key
    assert (made.name, made.version, made.title, made.extends) == ("mine", 1, "mine, test split", None)
    assert (made.paper, made.licence, made.url, made.notes, made.expects.samples) == ("", "", "", [], None)


def test_every_key_has_a_comment_and_every_other_key_an_example(here: Path) -> None:
    assert new("mine", "--like", "rrsis_d").exit_code == 0
    lines = (here / "mine.yaml").read_text("utf-8").splitlines()
    present = set(yaml.safe_load("\n".join(lines)))
    for key, field in TaskSpec.model_fields.items():
        if key == "extends":
            continue
        start = f"{key}:" if key in present else f"# {key}: "
        index = next(number for number, line in enumerate(lines) if line.startswith(start))
        assert lines[index - 1].startswith("# "), key
        assert not field.description or " ".join(field.description.split()[:3]) in "\n".join(lines)
    for option in ("dataset", "split_by", "split", "images"):
        index = next(number for number, line in enumerate(lines) if line.startswith(f"  {option}: "))
        assert lines[index - 1].startswith("  # "), option
    assert max(map(len, lines)) <= 110


def test_the_commented_keys_are_right_when_they_are_taken_in(here: Path) -> None:
    new("mine", "--like", "rsvqa_hr")
    keys = tuple(f"# {key}: " for key in OF_ITS_OWN)
    lines = [
        line.removeprefix("# ") if line.startswith(keys) else line
        for line in Path("mine.yaml").read_text().splitlines()
    ]
    Path("mine.yaml").write_text("\n".join(lines))
    assert CliRunner().invoke(main, ["validate", "mine.yaml"]).stdout == "1 file is right.\n"


def test_a_file_goes_where_it_is_wanted_and_says_what_is_next(here: Path) -> None:
    result = new("mine", "--like", "rrsis")
    assert result.stdout == (
        "mine.yaml is made like rrsis. Change what differs, then: geopix-eval validate mine.yaml\n"
    )
    assert new("mine", "--like", "rrsis", "-o", "tasks/deep/mine.yaml").exit_code == 0
    assert new("other", "--like", "rrsis", "-o", "tasks").exit_code == 0
    assert sorted(path.name for path in Path("tasks").rglob("*.yaml")) == ["mine.yaml", "other.yaml"]


def test_nothing_is_written_over(here: Path) -> None:
    Path("mine.yaml").write_text("mine")
    result = new("mine", "--like", "rrsis")
    assert result.exit_code == 2
    assert "mine.yaml exists and is not written over. Name another file with -o" in result.stderr
    assert Path("mine.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine", "--like", "rrsisd"), "unknown task 'rrsisd'. Did you mean 'rrsis_d'?"),
        (("My-Task", "--like", "rrsis"), "'My-Task' is no task name: expected a lower case letter, then lower case"),
        (("../mine", "--like", "rrsis"), "'../mine' is no task name"),
        (("rrsis_d", "--like", "rrsis"), "the name 'rrsis_d' is taken by "),
        (
            ("mine", "--like", "rrsis", "-o", "other.yaml"),
            "-o other.yaml: a task's file has the task's name, so this one",
        ),
        (("mine",), "Missing option '--like'"),
    ],
)
def test_what_cannot_be_made_is_refused(here: Path, arguments: tuple[str, ...], message: str) -> None:
    result = new(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert list(here.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_told(here: Path) -> None:
    Path("file").write_text("")
    result = new("mine", "--like", "rrsis", "-o", "file/mine.yaml")
    assert result.exit_code == 2
    assert "file/mine.yaml cannot be written: " in result.stderr


def test_a_task_made_like_another_runs_on_its_data(here: Path) -> None:
    write_data(here / "data")
    write_task(here / "tasks")
    assert new("mine", "--like", "small", "--task-dir", "tasks").exit_code == 0
    result = CliRunner().invoke(main, ["--tasks", "mine.yaml", "--model", "baseline:constant", "--output", "run"])
    assert result.exit_code == 0, result.output
    assert "66.67" in result.stdout
