"""Data sets and checkpoints as users may have them: one clear message, or one record, and the right exit code."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.catalog import shipped
from harness.cli import main
from harness.records import Record
from harness.store import RunDirectory
from tests.geopix import conftest as geopix_fixtures

RSVQA = "RSVQA_HR"
RRSIS = "rrsisd"

tiny = geopix_fixtures.checkpoint


@pytest.fixture
def data(shared: Path, tmp_path: Path) -> Path:
    for name in (RSVQA, RRSIS):
        shutil.copytree(shared / "data" / "real" / name, tmp_path / "data" / name)
    return tmp_path / "data"


def geopix_eval(data: Path, tasks: object, *arguments: object, model: object = "baseline:constant") -> Result:
    places = ("--data-dir", data, "--output", data.parent / "run")
    command = map(str, ("--tasks", tasks, "--model", model, *places, *arguments))
    result = CliRunner().invoke(main, list(command), prog_name="geopix-eval")
    assert "Traceback" not in result.output
    return result


def failed(data: Path, task: str) -> list[Record]:
    records = RunDirectory(data.parent / "run").records(task)
    return [record for record in records if record.prediction.status == "failed"]


def variant(folder: Path, task: str, old: str, new: str) -> Path:
    """A copy of a shipped task with one thing changed."""
    text = (shipped("tasks") / f"{task}.yaml").read_text()
    assert old in text
    file = folder / "variant.yaml"
    file.write_text(
        text.replace(f"name: {task}\n", "name: variant\n").replace("aliases: [rrsis_d]\n", "").replace(old, new)
    )
    return file


ABSENT = {
    "data set": (RSVQA, "Get it from https://zenodo.org/records/6344367, or name the folder that holds RSVQA_HR/"),
    "answers": (f"{RSVQA}/USGS_split_test_answers.json", "expected the split's answers there"),
    "images": (f"{RSVQA}/Data", "expected the folder of the data set's images there"),
}


@pytest.mark.parametrize("what", ABSENT)
def test_what_is_absent_is_named_with_where_it_was_looked_for(data: Path, what: str) -> None:
    name, words = ABSENT[what]
    place = data / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    result = geopix_eval(data, "rsvqa_hr")
    assert result.exit_code == 4
    assert str(place) in result.stderr
    assert words in result.stderr
    assert "Did you mean" not in result.stderr


MISNAMED = {
    "rsvqa_hr": ("USGS_split_test,", "USGS_split_tset,", "Did you mean 'USGS_split_test_questions.json'?"),
    "rrsis": ("split: test", "split: tets", "has no reference of the split 'tets'. Did you mean 'test'?"),
}


@pytest.mark.parametrize("task", MISNAMED)
def test_a_split_that_is_not_there_is_told_with_the_nearest(data: Path, task: str) -> None:
    old, new, words = MISNAMED[task]
    result = geopix_eval(data, variant(data.parent, task, old, new))
    assert result.exit_code == 4
    assert words in result.stderr


def test_swapped_letters_of_a_task_find_the_task_that_was_meant(data: Path) -> None:
    result = geopix_eval(data, "rsvqa_rh")
    assert result.exit_code == 2
    assert "unknown task 'rsvqa_rh'. Did you mean 'rsvqa_hr'?" in result.stderr


def test_all_three_mistakes_of_a_task_stop_the_run_before_it_starts(data: Path) -> None:
    file = variant(data.parent, "rsvqa_hr", "capability: vqa", "capability: vqaa")
    file.write_text(file.read_text().replace("slices:", "slises:").replace("name: accuracy, as: aa", "name: acuracy"))
    result = geopix_eval(data, file)
    assert result.exit_code == 2
    lines = file.read_text().splitlines()
    for words, mistake in (
        ("capability:", "capability: input should be 'vqa'"),
        ("acuracy", "metrics[1].name: unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        ("slises:", "slises: unknown key 'slises'. Did you mean 'slices'?"),
    ):
        line = next(number for number, text in enumerate(lines, 1) if words in text)
        assert f"variant.yaml:{line}: {mistake}" in result.stderr
    assert not (data.parent / "run").exists()


def test_a_picture_cut_short_fails_its_questions_and_no_others(data: Path, tiny: Path) -> None:
    picture = data / RSVQA / "Data" / "1335.tif"
    picture.write_bytes(picture.read_bytes()[:3000])
    result = geopix_eval(data, "rsvqa_hr", "--limit", 6, model=tiny)
    assert result.exit_code == 3, result.output
    assert "Warning" not in result.stderr
    records = failed(data, "rsvqa_hr")
    assert {record.images for record in records} == {("1335",)}
    assert all("1335.tif: cannot be read as a picture" in str(record.prediction.reason) for record in records)
    assert RunDirectory(data.parent / "run").result("rsvqa_hr").counts.total == 6 > len(records) > 0


def test_a_checkpoint_without_weights_is_refused(data: Path, tiny: Path) -> None:
    folder = data.parent / "ckpt"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").unlink()
    result = geopix_eval(data, "rrsis", model=folder)
    assert result.exit_code == 4
    assert "lacks model.safetensors. Copy the whole folder again" in result.stderr


def outside(instances: dict[str, Any]) -> None:
    instances["images"][0]["file_name"] = "../../../../../../../../../../etc/passwd"


def wrong_size(instances: dict[str, Any]) -> None:
    instances["annotations"][0]["segmentation"][0]["size"] = [10, 20]


@pytest.mark.parametrize(
    ("change", "words", "samples"),
    [
        (outside, "leads to /etc/passwd, outside its root", 2),
        (wrong_size, "the mask's runs do not fill it: expected 10 x 20 = 200 pixels, found 640000", 1),
    ],
)
def test_a_bad_row_of_the_instances_fails_its_samples_alone(
    data: Path, change: Callable[[dict[str, Any]], None], words: str, samples: int
) -> None:
    file = data / RRSIS / "rrsisd" / "instances.json"
    instances = json.loads(file.read_bytes())
    change(instances)
    file.write_text(json.dumps(instances))
    result = geopix_eval(data, "rrsis")
    assert result.exit_code == 3
    assert f"{samples} of 9 samples failed" in " ".join(result.stderr.split())
    assert [words in str(record.prediction.reason) for record in failed(data, "rrsis")] == [True] * samples


def test_paths_in_the_references_are_never_followed(data: Path) -> None:
    """The instances say where an image is; what the references say of it leads nowhere."""
    file = data / RRSIS / "rrsisd" / "refs(unc).p"
    references = pickle.loads(file.read_bytes())
    for reference in references:
        reference["file_name"] = "../../etc/passwd"
    file.write_bytes(pickle.dumps(references))
    assert geopix_eval(data, "rrsis").exit_code == 0
    files = {name for record in RunDirectory(data.parent / "run").records("rrsis") for name in record.image_files}
    assert all(name.startswith("rrsisd/images/rrsisd/JPEGImages/") for name in files)
