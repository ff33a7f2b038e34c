"""Task files: every mistake at once, each with file:line and the nearest name."""

from pathlib import Path

import pytest

from harness.catalog import Catalogue
from harness.errors import ConfigurationError
from harness.plugins import installed
from harness.spec import Task
from tests.harness.task_files import write


def task(folder: Path, name: str = "mine") -> Task:
    return Catalogue([folder], installed()).task(name)


def mistakes(file: Path) -> list[str]:
    return [str(found).removeprefix(str(file)) for found in Catalogue([file.parent], installed()).problems(file)]


def test_a_right_file_becomes_a_task_with_its_parts(tmp_path: Path) -> None:
    file = write(tmp_path, "mine")
    found = task(tmp_path)
    assert mistakes(file) == []
    assert found.spec.name == "mine"
    assert list(found.metrics) == ["oa"]
    assert found.reader.prefix == "T"  # type: ignore[attr-defined]
    assert len(found.digest) == 64


def test_three_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "mine",
        dataset="dataset: {reader: rsvqaa, root: DATA, prefix: T}",
        version="versoin: 1",
        parser="parser: {name: rsvqa_answer, bins: lrr}",
    )
    with pytest.raises(ConfigurationError) as refusal:
        task(tmp_path)
    lines = str(refusal.value).splitlines()
    assert lines[0].startswith(f"{file}:1: version: 'version' is missing")
    assert lines[1].startswith(f"{file}:2: versoin: unknown key 'versoin'. Did you mean 'version'? Known: aliases,")
    assert lines[2].startswith(f"{file}:4: dataset.reader: unknown reader 'rsvqaa'. Did you mean 'rsvqa'? Known:")
    assert (
        lines[3] == f"{file}:7: parser.bins: parser 'rsvqa_answer': input should be 'none', 'lr' or 'hr', found 'lrr'"
    )
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("key", "line", "expected"),
    [
        ("version", "version: one", ":2: version: input should be a valid integer, found 'one'"),
        ("version", 'version: "1"', ":2: version: input should be a valid integer, found '1'"),
        ("version", "version: 0", ":2: version: input should be greater than or equal to 1, found 0"),
        ("title", "", ":1: title: 'title' is missing"),
        ("title", "title: [a]", ":3: title: input should be a valid string, found ['a']"),
        ("capability", "capability: vqaa", ":5: capability: input should be 'vqa', 'caption',"),
        ("dataset", "dataset: {reader: rsvqa, prefix: T}", ":4: dataset.root: 'root' is missing"),
        ("dataset", "dataset: {reader: rsvqa, root: D}", ":4: dataset.prefix: reader 'rsvqa': 'prefix' is missing"),
        (
            "dataset",
            "dataset: {reader: rsvqa, root: D, prefx: T, prefix: T}",
            ":4: dataset.prefx: reader 'rsvqa': unknown key 'prefx'. Did you mean 'prefix'? Known: extensions, images,",
        ),
        (
            "dataset",
            "dataset: {reader: rsvqa, root: D, prefix: 3}",
            ":4: dataset.prefix: reader 'rsvqa': input should be a valid string, found 3",
        ),
        (
            "dataset",
            "dataset: {reader: rsvqa, root: D, prefix: T, extensions: [tif, 3]}",
            ":4: dataset.extensions[1]: reader 'rsvqa': input should be a valid string, found 3",
        ),
        (
            "parser",
            "parser: {name: rsvqa_anser}",
            ":7: parser.name: unknown parser 'rsvqa_anser'. Did you mean 'rsvqa_",
        ),
        ("parser", "parser: rsvqa_answer", ":7: parser: input should be a valid dictionary or instance of ParserUse"),
        ("prompt", 'prompt: "{{ question"', ":6: prompt: line 1 of the template: unexpected end of template"),
        ("title", "title: A\ngeneration: {temprature: 1}", ":4: generation.temprature: unknown key 'temprature'. Did"),
        ("metrics", "metrics: []\nslices:", ":8: metrics: list should have at least 1 item"),
    ],
)
def test_one_mistake(tmp_path: Path, key: str, line: str, expected: str) -> None:
    found = mistakes(write(tmp_path, "mine", **{key: line}))
    assert any(mistake.startswith(expected) for mistake in found), found


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ("[{name: accuracy}]", "exactly one metric needs `primary: true`, found 0"),
        (
            "[{name: accuracy, primary: true}, {name: accuracy, as: b, primary: true}]",
            "exactly one metric needs `primary: true`, found 2",
        ),
        ("[{name: accuracy, primary: true}, {name: accuracy}]", "two metrics go by the name 'accuracy'; give one"),
        ("[{name: acuracy, primary: true}]", "unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        ("[{name: accuracy, as: 'A B', primary: true}]", "metrics[0].as: string should match pattern"),
        ("[{name: precision_at, primary: true, threshold: '0.5'}]", "input should be a valid number, found '0.5'"),
        ("[{name: accuracy, primary: true, preset: geochat, average: type}]", "preset 'geochat' sets `match`"),
        ("[{name: accuracy, primary: true, avrage: type}]", "unknown key 'avrage'. Did you mean 'average'?"),
    ],
)
def test_mistakes_of_metrics(tmp_path: Path, metrics: str, expected: str) -> None:
    file = write(tmp_path, "mine")
    file.write_text(file.read_text().partition("metrics:")[0] + f"metrics: {metrics}\n")
    found = mistakes(file)
    assert len(found) == 1, found
    assert found[0].startswith(":8: metrics")
    assert expected in found[0]


def test_the_digest_follows_the_content_and_not_the_layout(tmp_path: Path) -> None:
    first = task(write(tmp_path / "a", "mine").parent).digest
    again = write(tmp_path / "b", "mine")
    again.write_text("# a comment\n" + again.read_text().replace("capability: vqa", 'capability: "vqa"'))
    assert task(again.parent).digest == first
    assert task(write(tmp_path / "c", "mine", prompt="prompt: other").parent).digest != first
