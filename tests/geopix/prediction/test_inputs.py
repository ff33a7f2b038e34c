"""Which pictures and questions a command line means."""

from pathlib import Path

import pytest

from geopix.prediction.inputs import find_images, read_questions, split_words
from harness.errors import ConfigurationError, DataError, MissingDataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.PNG", "a.jpg", "deep/er/c.tif", "notes.txt", ".hidden/d.png", ".e.png", "out/overlays/f.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "images"


def test_folders_are_searched_in_order_without_hidden_files_and_the_output(folder: Path) -> None:
    found = find_images([folder], leave_out=folder / "out")
    assert [image.path.relative_to(folder).as_posix() for image in found] == ["a.jpg", "b.PNG", "deep/er/c.tif"]
    assert found[0].name == (folder / "a.jpg").as_posix()
    assert len(find_images([folder])) == 4


def test_a_file_that_is_named_counts_whatever_its_suffix_and_once(folder: Path) -> None:
    files = [folder / "notes.txt", folder / "deep", folder / "notes.txt"]
    assert [image.path.name for image in find_images(files)] == ["notes.txt", "c.tif"]


def test_all_missing_places_are_named_at_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError) as caught:
        find_images([tmp_path / "none.png", tmp_path / "empty", folder])
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path}/none.png: no such file (looked for")
    assert second.startswith(f"{tmp_path}/empty: no picture is below this folder; looked for .png, .jpg")


def test_the_last_word_is_the_question_unless_a_file_has_them(tmp_path: Path) -> None:
    assert split_words(["a.png", "b", "Is it?"], None) == ([Path("a.png"), Path("b")], "Is it?")
    assert split_words(["a.png", "ship " * 2000], None) == ([Path("a.png")], "ship " * 2000)
    assert split_words(["a.png", "b"], tmp_path) == ([Path("a.png"), Path("b")], None)
    for words in (["Is it?"], ["a.png", str(tmp_path)]):
        with pytest.raises(
            ConfigurationError, match=r"the question is missing: expected it behind .* --questions FILE"
        ):
            split_words(words, None)


def test_questions_come_from_a_file_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text("\ufeffIs it?\n\n  Wo ist das Haus? Süd  \r\nIs it?\n", "utf-8")
    assert read_questions(path) == ["Is it?", "Wo ist das Haus? Süd"]


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    with pytest.raises(MissingDataError, match=r"--questions: .*questions.txt cannot be read: No such file"):
        read_questions(path)
    path.write_text(" \n\n")
    with pytest.raises(DataError, match="no question in it. Write one a line"):
        read_questions(path)
    path.write_bytes(b"Wo ist das Geb\xe4ude?")
    with pytest.raises(DataError, match=r"no UTF-8 text \(byte 14\)"):
        read_questions(path)
