"""The command `geopix`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from geopix.cli import main
from geopix.prediction.inputs import guess_task
from geopix.processing import GeoPixProcessor


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "harbour.png"
    Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(path)
    return path


def test_predict_prints_the_answer_and_draws_it(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "out.png"
    result = run("predict", str(picture), "Segment the ship.", "--model", str(checkpoint), "-o", str(drawn))
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == str(drawn)
    with Image.open(drawn) as image:
        assert image.size == (64, 48)


def test_predict_says_when_the_answer_is_empty(
    checkpoint: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GeoPixProcessor, "decode", lambda *_: "")
    result = run("predict", str(picture), "Segment the ship.", "--model", str(checkpoint))
    assert result.exit_code == 0
    assert "the model answered nothing; try other words" in result.stderr


def test_predict_refuses_what_is_no_picture_s_name_before_loading(picture: Path) -> None:
    result = run("predict", str(picture), "Is there a ship?", "-o", "out.txt", "--model", "nowhere")
    assert result.exit_code == 2
    assert "expected a picture's name, out.png for example, or a folder's, found 'out.txt'" in result.stderr


def test_predict_refuses_a_folder_that_is_not_there_before_loading(picture: Path, tmp_path: Path) -> None:
    result = run(
        "predict", str(picture), "Is there a ship?", "-o", str(tmp_path / "no" / "a.png"), "--model", "nowhere"
    )
    assert result.exit_code == 2
    assert f"--output: there is no folder {tmp_path / 'no'}. Make it" in result.stderr


def test_predict_names_a_picture_that_is_not_there_before_loading() -> None:
    result = run("predict", "nowhere.png", "Is there a ship?", "--model", "nowhere")
    assert result.exit_code == 4
    assert "nowhere.png: no such file" in result.stderr


def test_predict_names_a_file_that_is_no_picture(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    result = run("predict", str(broken), "Is there a ship?", "--model", str(checkpoint))
    assert result.exit_code == 3
    assert "broken.png: cannot be read as a picture" in result.stderr
    assert "Traceback" not in result.output


def test_predict_names_a_checkpoint_that_is_not_there(picture: Path) -> None:
    result = run("predict", str(picture), "Is there a ship?", "--model", "nowhere")
    assert result.exit_code == 4
    assert "no such checkpoint folder" in result.stderr


def test_predict_knows_the_task_s_names(checkpoint: Path, picture: Path) -> None:
    result = run("predict", str(picture), "Hello", "--model", str(checkpoint), "--task", "segmant")
    assert result.exit_code == 2
    assert "Did you mean 'segment'" in result.stderr


@pytest.mark.parametrize(
    ("words", "task"),
    [("Give me the mask of the ship", "segment"), ("Where is the ship?", "refer"), ("Describe the image", "caption")],
)
def test_the_task_is_guessed_from_the_words(words: str, task: str) -> None:
    assert guess_task(words) == task


def test_train_says_what_is_wrong_with_a_recipe(tmp_path: Path) -> None:
    result = run("train", "mimi", "--data-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "unknown recipe 'mimi'" in result.stderr
    assert "Did you mean 'mini'" in result.stderr
