"""The catalogue: names, aliases, inheritance, further folders, and what goes wrong with each."""

from pathlib import Path

import pytest

from harness.catalog import Catalogue, shipped
from harness.errors import ConfigurationError
from harness.plugins import installed
from harness.schema import as_text
from tests.harness.task_files import GOOD, write


def catalogue(*folders: Path) -> Catalogue:
    return Catalogue(folders, installed())


def child(folder: Path, name: str, base: str, rest: str = "") -> Path:
    return write(folder, name, f"name: {name}\nextends: {base}\n{rest}")


def test_a_task_is_found_by_name_alias_and_path(tmp_path: Path) -> None:
    file = write(tmp_path, "mine", title="title: A\naliases: [other]")
    tasks = catalogue(tmp_path)
    assert tasks.task("mine").file == tasks.task("other").file == tasks.task(str(file)).file == file


def test_an_unknown_task_is_told_the_nearest_name_or_all_names() -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown task 'rsvqa-hr'. Did you mean 'rsvqa_hr'\? `geopix-eval ls`"
    ):
        catalogue(shipped("tasks")).task("rsvqa-hr")
    with pytest.raises(ConfigurationError, match=r"unknown task 'qqq'. Known: .*rrsis, rr"):
        catalogue(shipped("tasks")).task("qqq")


def test_an_unknown_name_points_at_files_that_cannot_be_read(tmp_path: Path) -> None:
    file = write(tmp_path, "broken", "a: [\n")
    with pytest.raises(ConfigurationError, match="These files cannot be read, see `geopix-eval validate`") as refusal:
        catalogue(tmp_path).task("mine")
    assert str(file) in str(refusal.value)


def test_absent_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml cannot be read: No such file or directory"):
        catalogue().task(str(tmp_path / "absent.yaml"))
    with pytest.raises(ConfigurationError, match=r"the task folder .*absent does not exist"):
        catalogue(tmp_path / "absent").task("mine")


def test_a_task_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    write(tmp_path, "base", title="title: A\naliases: [old]\ngeneration: {max_new_tokens: 3, top_p: 0.5}")
    child(tmp_path, "middle", "base", "generation: {max_new_tokens: 4}\n")
    child(tmp_path, "top", "middle", "title: B\nmetrics: [{name: accuracy, primary: true}]\n")
    spec = catalogue(tmp_path).task("top").spec
    assert (spec.name, spec.title, spec.aliases) == ("top", "B", [])
    assert (spec.generation.max_new_tokens, spec.generation.top_p) == (4, 0.5)
    assert [use.score_name for use in spec.metrics] == ["accuracy"]


def test_a_mistake_in_the_base_is_placed_in_the_base(tmp_path: Path) -> None:
    base = write(tmp_path, "base", capability="capability: seeing")
    top = child(tmp_path, "top", "base")
    (problem,) = catalogue(tmp_path).problems(top)
    assert str(problem).startswith(f"{base}:5: capability:")


def test_an_unknown_base_is_one_mistake_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "base")
    file = child(tmp_path, "top", "bases", "titel: x\n")
    with pytest.raises(ConfigurationError) as refusal:
        catalogue(tmp_path).task("top")
    lines = str(refusal.value).splitlines()
    assert lines[0].startswith(f"{file}:2: extends: unknown task 'bases'. Did you mean 'base'?")
    assert lines[1].startswith(f"{file}:3: titel: unknown key 'titel'. Did you mean 'title'?")
    assert len(lines) == 2


def test_a_circle_of_inheritance_is_written_out(tmp_path: Path) -> None:
    first = child(tmp_path, "a", "b")
    child(tmp_path, "b", "a")
    (problem,) = catalogue(tmp_path).problems(first)
    assert problem.message == "tasks extend each other in a circle: a -> b -> a"


def test_two_files_of_one_name_are_refused_and_found_by_validate(tmp_path: Path) -> None:
    first = write(tmp_path, "a")
    second = write(tmp_path, "b", title="title: B\naliases: [a]")
    with pytest.raises(ConfigurationError, match=r"both go by the name 'a'. Rename one"):
        catalogue(tmp_path).task("a")
    (problem,) = catalogue(tmp_path).problems(second)
    assert str(problem) == f"{second}:1: name: {first} goes by the name 'a' too. Rename one."


def test_a_copy_of_a_task_is_no_clash(tmp_path: Path) -> None:
    copy = write(tmp_path, "rrsis", (shipped("tasks") / "rrsis.yaml").read_text())
    tasks = catalogue(shipped("tasks"), tmp_path)
    assert tasks.problems(copy) == []
    assert tasks.task("rrsis").spec.name == "rrsis"


def test_a_file_and_its_task_have_one_name(tmp_path: Path) -> None:
    file = write(tmp_path, "mine", GOOD.format(name="other"))
    (problem,) = catalogue(tmp_path).problems(file)
    assert str(problem) == f"{file}:1: name: the file is called mine.yaml, so its task must be called 'mine'"


@pytest.mark.parametrize("file", sorted(shipped("tasks").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_tasks_are_right(file: Path) -> None:
    tasks = catalogue(shipped("tasks"))
    assert tasks.problems(file) == []
    assert tasks.task(file.stem).spec.name == file.stem
    assert file.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


def test_the_schema_beside_the_tasks_is_current() -> None:
    written = (shipped("tasks") / "schema.json").read_text(encoding="utf-8")
    assert written == as_text(), "write it anew: python -m harness.schema > tasks/schema.json"
