"""YAML that knows its lines: places, what is refused, and inheritance."""

from pathlib import Path

import pytest

from harness.located_yaml import Document, Place, read


def document(folder: Path, text: str, name: str = "a.yaml") -> Document:
    file = folder / name
    file.write_text(text)
    return read(file)


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    found = document(tmp_path, "name: a\nmetrics:\n  - name: x\n    as: y\n  - {name: z}\n")
    assert found.data == {"name": "a", "metrics": [{"name": "x", "as": "y"}, {"name": "z"}]}
    file = tmp_path / "a.yaml"
    assert found.place(("metrics", 0, "as")) == Place(file, 4)
    assert found.place(("metrics", 1, "name")) == Place(file, 5)
    assert found.place(("metrics", 1, "absent", "deeper")) == Place(file, 5)
    assert str(found.problem(("metrics", 1, "name"), "wrong")) == f"{file}:5: metrics[1].name: wrong"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [1, 2\n", 3, "not valid YAML"),
        ("- a\n", 1, "expected a mapping"),
        ("", 1, "expected a mapping"),
        ("a: 1\n---\nb: 1\n", 2, "not valid YAML"),
        ("a: 1\nb: \x07\n", 1, "not valid YAML"),
        ("a: 1\na: 2\n", 2, "stands twice"),
        ("a:\n  b: 1\n  b: 2\n", 3, "stands twice"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "no code"),
        ("a: 1\nb: !!python/name:os.system\n", 2, "no code"),
        ("a: !!python/object:os.system {x: 1}\n", 1, "'tag:yaml.org,2002:python/object:os.system' is not allowed"),
        ("a: !mine x\n", 1, "the tag '!mine' is not allowed"),
        ("a: 2024-13-45\n", 1, "'2024-13-45' cannot be read (month must be in 1..12)"),
        ("a: &x [1]\nb: *x\n", 1, "used again by an alias (*name), which is not allowed"),
        ("a: &x [*x]\n", 1, "used again by an alias (*name), which is not allowed"),
    ],
)
def test_what_is_refused_is_named_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    (problem, *_) = document(tmp_path, text).problems
    assert (problem.file, problem.line) == (tmp_path / "a.yaml", line)
    assert message in problem.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\n")
    (problem,) = read(tmp_path / "a.yaml").problems
    assert problem.message == "not UTF-8 text: byte 3"


def test_a_bomb_of_aliases_does_not_grow(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert len(document(tmp_path, "\n".join(rows)).problems) == 110


def test_a_document_over_another_merges_mappings_and_replaces_lists(tmp_path: Path) -> None:
    base = document(tmp_path, "a: {x: 1, y: {z: 2, w: 3}}\nb: [1, 2]\nc: 1\n", "base.yaml")
    top = document(tmp_path, "\n\na:\n  y: {w: 4}\nb: [3]\n", "top.yaml")
    merged = top.over(base)
    assert merged.data == {"a": {"x": 1, "y": {"z": 2, "w": 4}}, "b": [3], "c": 1}
    assert merged.place(("a", "y", "z")).file.name == "base.yaml"
    assert merged.place(("a", "y", "w")) == Place(tmp_path / "top.yaml", 4)
    assert merged.place(("b", 1)) == Place(tmp_path / "top.yaml", 5), "the base's list is gone, with its places"


def test_a_value_replaced_by_a_mapping_keeps_no_place_of_the_base(tmp_path: Path) -> None:
    base = document(tmp_path, "a:\n  - name: x\n", "base.yaml")
    merged = document(tmp_path, "a:\n  - {as: y}\n", "top.yaml").over(base)
    assert merged.place(("a", 0, "name")).file.name == "top.yaml"
