"""The folder of answers: what is in it, going on after a kill, what is refused."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from shapely.geometry import shape

from geopix.drawing import COLOURS as DRAWN
from geopix.halving import MemoryShortage
from geopix.prediction.asking import Manner, Questioner
from geopix.prediction.inputs import InputImage, Question
from geopix.prediction.outputs import Header, PredictionFolder, file_digest
from geopix.prediction.running import answer_all
from geopix.prediction.tiles import Tiling
from harness.errors import ConfigurationError, DataError, EnvironmentProblem
from harness.masks import from_json
from harness.policy import ErrorPolicy

HEADER = Header("by-colour", "abc", {"bands": None, "tile": None}, {"geopix": "1"})
RED = Question("Segment red.", "segment")
WHERE = Question("Where is red?", "refer")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text("utf-8").splitlines()]


def run(
    model: Any,
    folder: Path,
    images: Sequence[InputImage],
    questions: Sequence[Question] = (RED,),
    *,
    header: Header = HEADER,
    policy: str = "any",
    **manner: Any,
) -> int:
    with PredictionFolder(folder, header) as opened:
        how = Manner(**{"overlay_side": 64, **manner})
        return answer_all(model, images, questions, manner=how, folder=opened, policy=ErrorPolicy.parse(policy))


@pytest.fixture
def pictures(tmp_path: Path, paint: Any) -> list[InputImage]:
    found = []
    for number in range(3):
        path = tmp_path / "in" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.moveaxis(paint(20, 30, ("red", number, 2, number + 4, 7)), 0, -1)).save(path)
        found.append(InputImage(path, f"in/{number}.png"))
    return found


def test_a_line_has_all_that_was_said(by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path) -> None:
    assert run(by_colour, tmp_path / "out", pictures[1:2]) == 0
    (line,) = lines(tmp_path / "out")
    mask = from_json(line.pop("masks")[0])
    assert mask.size == (20, 30)
    overlay = line["files"].pop("overlay")
    assert line == {
        "image": "in/1.png",
        "question": "Segment red.",
        "task": "segment",
        "status": "ok",
        "reason": None,
        "text": "It is <SEG>.",
        "boxes": [[1, 2, 5, 7]],
        "box_source": "masks",
        "tokens": 1,
        "width": 30,
        "height": 20,
        "tiles": [],
        "notes": [],
        "files": {},
        "sha256": file_digest(pictures[1].path),
    }
    with Image.open(tmp_path / "out" / overlay) as drawn:
        assert drawn.size == (30, 20)
        assert drawn.getpixel((1, 2)) == DRAWN[0]
        assert drawn.getpixel((0, 2)) == (40, 40, 40)
    assert json.loads((tmp_path / "out" / "predictions.json").read_text()) == {
        "model": "by-colour",
        "digest": "abc",
        "settings": {"bands": None, "tile": None},
        "versions": {"geopix": "1"},
        "format": 1,
    }


def test_the_same_command_again_asks_nothing_and_leaves_the_same_bytes(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path
) -> None:
    run(by_colour, tmp_path / "out", pictures, [RED, WHERE])
    before = (tmp_path / "out" / "predictions.jsonl").read_bytes()
    asked = len(by_colour.asked)
    assert run(by_colour, tmp_path / "out", pictures, [RED, WHERE]) == 0
    assert len(by_colour.asked) == asked
    assert (tmp_path / "out" / "predictions.jsonl").read_bytes() == before
    assert [(line["image"], line["task"]) for line in lines(tmp_path / "out")] == [
        (image.name, task) for image in pictures for task in ("segment", "refer")
    ]


class Killed(BaseException):
    """What a kill is to the loop."""


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(by_colour, tmp_path / "whole", pictures, batch_size=1)
    respond = by_colour.respond_batch
    asked = len(by_colour.asked)

    def dies(requests: Any, **asking: Any) -> Any:
        if len(by_colour.asked) - asked == 2:
            raise Killed
        return respond(requests, **asking)

    monkeypatch.setattr(by_colour, "respond_batch", dies)
    with pytest.raises(Killed):
        run(by_colour, tmp_path / "out", pictures, batch_size=1)
    assert len(lines(tmp_path / "out")) == 2
    with (tmp_path / "out" / "predictions.jsonl").open("ab") as file:
        file.write(b'{"image": "in/2.png", "ques')  # a torn line
    monkeypatch.setattr(by_colour, "respond_batch", respond)
    asked = len(by_colour.asked)
    assert run(by_colour, tmp_path / "out", pictures, batch_size=1) == 0
    assert len(by_colour.asked) - asked == 1
    for path in (tmp_path / "whole").rglob("*.*"):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_a_failed_picture_is_recorded_decides_the_exit_code_and_is_asked_again(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = pictures[1].path.read_bytes()
    pictures[1].path.write_bytes(bad[:60])
    assert run(by_colour, tmp_path / "out", pictures) == 3
    assert [line["status"] for line in lines(tmp_path / "out")] == ["ok", "failed", "ok"]
    assert (lines(tmp_path / "out")[1]["masks"], lines(tmp_path / "out")[1]["width"]) == ([], None)
    told = capsys.readouterr()
    assert f"{tmp_path}/out: 2 ok, 0 unparsed, 0 empty, 1 failed of 3" in told.out
    assert f"{pictures[1].path}: cannot be read as a picture:" in told.err
    assert "The same command asks the failed ones again." in told.err
    assert run(by_colour, tmp_path / "out", pictures, policy="50%") == 0
    asked = len(by_colour.asked)
    pictures[1].path.write_bytes(bad)
    assert run(by_colour, tmp_path / "out", pictures) == 0
    assert len(by_colour.asked) - asked == 1
    assert [line["status"] for line in lines(tmp_path / "out")] == ["ok", "ok", "ok"]


def test_a_picture_that_has_changed_is_asked_anew_and_others_are_added(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path
) -> None:
    run(by_colour, tmp_path / "out", pictures[:2])
    pictures[1].path.write_bytes(pictures[2].path.read_bytes())
    asked = len(by_colour.asked)
    run(by_colour, tmp_path / "out", pictures[1:])
    assert sum(map(len, by_colour.asked[asked:])) == 2
    found = lines(tmp_path / "out")
    assert [line["image"] for line in found] == ["in/0.png", "in/1.png", "in/2.png"]
    assert found[1]["boxes"] == found[2]["boxes"] == [[2, 2, 6, 7]]


def test_a_picture_that_goes_away_meanwhile_fails(by_colour: Any, tmp_path: Path) -> None:
    assert run(by_colour, tmp_path / "out", [InputImage(tmp_path / "gone.png", "gone.png")]) == 3
    (line,) = lines(tmp_path / "out")
    assert (line["sha256"], line["status"]) == ("", "failed")


def test_pictures_of_the_same_stem_have_drawings_of_their_own(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path
) -> None:
    odd = tmp_path / "in" / "..a b\n.png"
    odd.write_bytes(pictures[0].path.read_bytes())
    images = [InputImage(odd, f"{number}/a.png") for number in range(2)]
    run(by_colour, tmp_path / "out", images, [RED, WHERE])
    names = [line["files"]["overlay"] for line in lines(tmp_path / "out")]
    assert len(set(names)) == len(list((tmp_path / "out" / "overlays").iterdir())) == 4
    assert all(name.startswith("overlays/a_b_-") for name in names)
    run(by_colour, tmp_path / "none", pictures, overlay_side=0)
    assert not (tmp_path / "none" / "overlays").exists()


def test_a_georeferenced_scene_has_masks_on_the_ground(
    by_colour: Any, write_geotiff: Any, paint: Any, tmp_path: Path
) -> None:
    path = write_geotiff(paint(100, 140, ("red", 10, 20, 130, 50), ("green", 60, 30, 70, 40), ("red", 5, 80, 9, 84)))
    run(by_colour, tmp_path / "out", [InputImage(path, "scene.tif")], [RED, WHERE], tiling=Tiling(48, 16))
    segmented, referred = lines(tmp_path / "out")
    assert set(segmented["files"]) == {"overlay", "geotiff", "geojson"}
    assert set(referred["files"]) == {"overlay"}
    assert segmented["text"] is None
    assert segmented["tiles"][0] == {
        "x": 0, "y": 0, "width": 48, "height": 48, "text": "It is <SEG>.", "reason": None, "tokens": 1,
    }  # fmt: skip
    features = json.loads((tmp_path / "out" / segmented["files"]["geojson"]).read_text())["features"]
    assert [feature["properties"]["image"] for feature in features] == ["scene.tif"] * 2
    large, small = (shape(feature["geometry"]) for feature in features)
    assert large.is_valid
    assert large.area == (120 * 30 - 10 * 10) * 100
    assert large.bounds == (500_100, 5_399_500, 501_300, 5_399_800)
    assert (small.area, small.bounds) == (1600, (500_050, 5_399_160, 500_090, 5_399_200))
    with rasterio.open(tmp_path / "out" / segmented["files"]["geotiff"]) as file:
        labels = file.read(1)
    assert np.bincount(labels.ravel()).tolist()[1:] == [3500, 16]
    assert labels[35, 65] == 0
    with Image.open(tmp_path / "out" / segmented["files"]["overlay"]) as drawn:
        assert drawn.size == (64, 46)
        assert drawn.getpixel((29, 15)) == (0, 255, 0)  # the hole, in its own colour


def test_another_model_or_other_settings_need_another_folder(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path
) -> None:
    run(by_colour, tmp_path / "out", pictures)
    other = Header("x", "def", {"bands": "4,3,2", "tile": None}, {})
    with pytest.raises(ConfigurationError) as caught:
        run(by_colour, tmp_path / "out", pictures, header=other)
    assert "holds answers made otherwise: bands None (now 4,3,2), digest abc (now def). Name another" in str(
        caught.value
    )
    newer = Header("by-colour", "abc", HEADER.settings, {"geopix": "2"})
    assert run(by_colour, tmp_path / "out", pictures, header=newer) == 0


def test_a_folder_of_other_things_is_left_alone(by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="in is not empty and holds no answers"):
        run(by_colour, tmp_path / "in", pictures)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "predictions.jsonl").write_text("")
    assert run(by_colour, tmp_path / "begun", pictures[:1]) == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="file/out cannot be written: .*Name another folder"):
        run(by_colour, tmp_path / "file" / "out", pictures)


def test_damaged_lines_and_headers_are_named(by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path) -> None:
    run(by_colour, tmp_path / "out", pictures[:1])
    path = tmp_path / "out" / "predictions.jsonl"
    path.write_bytes(path.read_bytes() + b'{"image": 1}\n')
    with pytest.raises(DataError, match=r"predictions.jsonl:2: this line is no answer .* Remove it"):
        run(by_colour, tmp_path / "out", pictures[:1])
    (tmp_path / "out" / "predictions.json").write_text("{")
    with pytest.raises(DataError, match=r"predictions.json: damaged"):
        run(by_colour, tmp_path / "out", pictures[:1])


def test_one_process_at_a_time(by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path) -> None:
    with (
        PredictionFolder(tmp_path / "out", HEADER),
        pytest.raises(ConfigurationError, match="another process is writing"),
        PredictionFolder(tmp_path / "out", HEADER),
    ):
        pass


def test_a_full_disk_is_told_and_what_is_written_stays(
    by_colour: Any, pictures: Sequence[InputImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, added = PredictionFolder.add, []

    def full(self: PredictionFolder, *arguments: Any) -> None:
        if added:
            raise OSError(28, "No space left on device")
        added.append(add(self, *arguments))

    monkeypatch.setattr(PredictionFolder, "add", full)
    with pytest.raises(EnvironmentProblem, match="cannot be written: .*No space left on device. Make room, and run"):
        run(by_colour, tmp_path / "out", pictures)
    assert len(lines(tmp_path / "out")) == 1


def test_a_shortage_of_memory_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    from geopix.prediction.running import _warnings_as_notes

    with _warnings_as_notes():
        warnings.warn("no memory for 8", MemoryShortage, stacklevel=1)
    assert capsys.readouterr().err == "note: no memory for 8\n"
    with pytest.raises(DeprecationWarning), _warnings_as_notes():
        warnings.warn("other", DeprecationWarning, stacklevel=1)


def test_many_failures_are_counted_and_the_first_shown(
    by_colour: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = [InputImage(tmp_path / f"{number}.png", f"{number}.png") for number in range(5)]
    assert run(by_colour, tmp_path / "out", gone, policy="5") == 0
    told = capsys.readouterr().err
    assert told.count("cannot be read as a picture") == 3
    assert f"and 2 more, in {tmp_path}/out/predictions.jsonl" in told


def test_progress_ends_at_the_number_of_tiles(by_colour: Any, write_geotiff: Any, paint: Any) -> None:
    path = write_geotiff(paint(64, 64))
    done: list[int] = []
    list(Questioner(by_colour, Manner(tiling=Tiling(32, 0)), done.append).answers([(InputImage(path, "a"), [RED])]))
    assert sum(done) == 4
