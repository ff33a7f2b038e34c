"""The command line of `geopix predict`, with a real model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from geopix.cli import main
from geopix.prediction.asking import Manner
from geopix.prediction.options import Output, read_manner, read_mask_formats
from geopix.prediction.scenes import Reading
from geopix.prediction.stretch import ValueRange
from geopix.prediction.tiles import Tiling
from harness.errors import ConfigurationError


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "images"
    place.mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(noise).save(place / f"{number}.png")
    (place / "bad.png").write_bytes(b"no picture")
    return place


def test_a_folder_and_a_file_of_questions(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text("Segment the ship.\nIs there a ship?\n")
    words = (folder, "--questions", tmp_path / "questions.txt", "--model", checkpoint, "-o", tmp_path / "out")
    result = run(*words, "--max-new-tokens", 4)
    assert result.exit_code == 3, result.output
    assert "bad.png: cannot be read as a picture" in result.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()]
    assert [(Path(line["image"]).name, line["task"]) for line in lines] == [
        (name, task) for name in ("0.png", "1.png", "bad.png") for task in ("segment", "vqa")
    ]
    assert [line["status"] == "failed" for line in lines] == [False] * 4 + [True] * 2
    header = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert header["settings"] == {
        "bands": None, "stretch": None, "tile": None, "overlap": None,
        "max_new_tokens": 4, "dtype": "float32", "memory_class": "predicted",
    }  # fmt: skip
    assert len(header["digest"]) == 64
    assert {"geopix", "torch", "rasterio"} <= set(header["versions"])
    (folder / "bad.png").unlink()
    assert run(*words, "--max-new-tokens", 4).exit_code == 0
    other = run(*words, "--max-new-tokens", 5)
    assert other.exit_code == 2
    assert "holds answers made otherwise: max_new_tokens 4 (now 5)" in other.stderr


def test_a_scene_of_four_bands_by_tiles(checkpoint: Path, write_geotiff: Any, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 4000, (4, 40, 60), dtype=np.uint16)
    path = write_geotiff(noise, tiled=True, blockxsize=16, blockysize=16)
    options = ("--bands", "4,3,2", "--stretch", "0,4000", "--tile", 32, "--model", checkpoint, "--max-new-tokens", 4)
    result = run(path, "Segment the ship.", *options, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (line,) = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()]
    assert [(tile["x"], tile["y"]) for tile in line["tiles"]] == [(0, 0), (28, 0), (0, 8), (28, 8)]
    assert line["notes"] == ["values stretched to 8 bits: 0 to 4000, 0 to 4000, 0 to 4000"]
    alone = run(path, "Segment the ship.", *options)
    assert alone.output.count("tile at ") == 4
    assert "note: values stretched" in alone.stderr


def test_the_drawing_of_a_single_scene(checkpoint: Path, write_geotiff: Any, paint: Any, tmp_path: Path) -> None:
    path = write_geotiff(paint(20, 30, ("red", 2, 2, 5, 5)))
    result = run(path, "Is it?", "--model", checkpoint, "--max-new-tokens", 2, "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.size == (30, 20)


def test_questions_that_cannot_be_asked_are_all_named_before_any_is_asked(
    checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "questions.txt").write_text(f"{'ship ' * 300}\n<image>\nIs it?\n")
    words = ("--questions", tmp_path / "questions.txt", "--model", checkpoint, "-o", tmp_path / "out")
    result = run(folder, *words)
    assert result.exit_code == 2
    assert "the question 'ship ship" in result.stderr
    assert "Shorten the question" in result.stderr
    assert "the question '<image>' is empty. Ask something in words." in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["Is it?"], 2, "the question is missing"),
        (["IMAGES"], 2, "the question is missing"),
        (["IMAGES", "Is it?"], 2, "--output: name a folder for the answers"),
        (["IMAGES", "Is it?", "-o", "a.png"], 2, "--output: expected a folder's name for several images"),
        (["IMAGES", "none.png", "Is it?", "-o", "out"], 4, "none.png: no such file"),
        (["IMAGES", "Is it?", "-o", "out", "--bands", "1,2"], 2, "--bands: expected one or three numbers from 1 on"),
        (["IMAGES", "Is it?", "-o", "out", "--bands", "0,1,2"], 2, "--bands: expected one or three"),
        (["IMAGES", "Is it?", "-o", "out", "--stretch", "9"], 2, "--stretch: expected two rising values"),
        (["IMAGES", "Is it?", "-o", "out", "--overlap", "9"], 2, "--overlap: there are no tiles that could overlap"),
        (["IMAGES", "Is it?", "-o", "out", "--tile", "16", "--overlap", "16"], 2, "--overlap: expected 0 to 15"),
        (["IMAGES", "Is it?", "-o", "out", "--masks", "shp"], 2, "--masks: expected geotiff, geojson or none"),
        (["IMAGES", "Is it?", "-o", "out", "--fail-on-error", "x"], 2, "--fail-on-error: expected any, never"),
        (["IMAGES", "--questions", "none.txt", "-o", "out"], 4, "--questions: none.txt cannot be read"),
        (["IMAGES", "Is it?", "-o", "out"], 4, "nowhere: no such checkpoint folder"),
    ],
)
def test_mistakes_are_told_before_the_model_is_loaded(
    arguments: list[str], code: int, words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    result = run(*[folder if word == "IMAGES" else word for word in arguments], "--model", "nowhere")
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert not (folder.parent / "out").exists()


def test_where_answers_go(tmp_path: Path) -> None:
    assert Output.parse(None, alone=True) == Output()
    assert Output.parse(tmp_path / "a.png", alone=True) == Output(drawing=tmp_path / "a.png")
    assert Output.parse(tmp_path / "answers", alone=True) == Output(folder=tmp_path / "answers")
    assert Output.parse(tmp_path / "run.v2", alone=False) == Output(folder=tmp_path / "run.v2")
    (tmp_path / "run.png").mkdir()
    assert Output.parse(tmp_path / "run.png", alone=True) == Output(folder=tmp_path / "run.png")
    with pytest.raises(ConfigurationError, match="or a folder's, found"):
        Output.parse(tmp_path / "run.v2", alone=True)


def test_what_options_mean() -> None:
    options = {"bands": "4, 3,2", "stretch": "0,9", "tile": 64, "overlap": None, "overlay_side": 5}
    options |= {"batch_size": 2, "max_new_tokens": 3, "memory_class": "ship"}
    assert read_manner(options, Output(folder=Path("out"))) == Manner(
        reading=Reading((4, 3, 2), ValueRange(0, 9)),
        tiling=Tiling(64, 8),
        batch_size=2,
        overlay_side=5,
        max_new_tokens=3,
        memory_class="ship",
    )
    assert read_manner(options, Output()).overlay_side == 0
    assert read_mask_formats("geojson, geotiff") == ("geojson", "geotiff")
    assert read_mask_formats("none") == ()
