"""The tasks of questions and scenes from end to end, on Mini Earth's files in their own layouts."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from geopix.earth.layouts import LAYOUTS
from geopix.earth.make import Summary, make_earth
from geopix.earth.scene import make_scene
from geopix.earth.scene_folders import SCENE_FOLDERS
from geopix.earth.seeds import seed_of
from geopix.earth.themes import THEMES
from geopix.earth.traffic_vqa import thermal
from harness.catalog import Catalogue, shipped
from harness.cli import main
from harness.plugins import installed
from harness.records import Sample
from harness.results import TaskResult
from harness.spec import Task
from harness.store import RunDirectory

# Each task, the layout it reads, and the split, or None where all images count.
TASKS = {
    "rsvqa_hr": ("rsvqa_hr", "test"),
    "rsvqa_hr_phili": ("rsvqa_hr", "test_phili"),
    "rsvqa_hr_geochat": ("rsvqa_hr", "test_phili"),
    "rsvqa_lr": ("rsvqa_lr", "test"),
    "rsvqa_lr_geochat": ("rsvqa_lr", "test"),
    "rsvqa_lr_earthdial": ("rsvqa_lr", "test"),
    "rsieval_vqa": ("rsieval", "test"),
    "vrsbench_vqa": ("vrsbench_vqa", "test"),
    "traffic_vqa": ("traffic_vqa", "test"),
    "traffic_vqa_optical": ("traffic_vqa", "test"),
    "earthvqa": ("earthvqa", "val"),
    "aid": ("aid", None),
    "aid_geochat": ("aid", None),
    "aid_earthdial": ("aid", None),
    "ucmerced": ("ucmerced", None),
    "ucmerced_geochat": ("ucmerced", None),
    "ucmerced_earthdial": ("ucmerced", None),
    "resisc45": ("resisc45", None),
    "whu_rs19": ("whu_rs19", None),
    "whu_rs19_earthdial": ("whu_rs19", None),
    "eurosat": ("eurosat", None),
}
FORMATS = tuple(dict.fromkeys(layout for layout, _ in TASKS.values()))


@pytest.fixture(scope="session")
def asked_earth(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """One Mini Earth in every layout of questions and scenes."""
    directory = tmp_path_factory.mktemp("asked") / "set"
    splits = (("test", 4), ("test_phili", 2), ("val", 2))
    return make_earth(directory, seed=5, images=8, size=96, splits=splits, formats=FORMATS)


def task_of(name: str) -> Task:
    return Catalogue([shipped("tasks")], installed()).task(name)


def samples_of(name: str, earth: Summary) -> list[Sample]:
    task = task_of(name)
    return list(task.reader.samples(earth.directory / task.spec.dataset.root))


def run(names: str, model: str, earth: Summary, output: Path) -> dict[str, TaskResult]:
    arguments = ["--tasks", names, "--model", model, "--data-dir", str(earth.directory), "--output", str(output)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return {name: RunDirectory(output).result(name) for name in names.split(",")}


def primary(result: TaskResult) -> float | None:
    label = next(card.name for card in result.metrics if card.primary)
    return next(score.value for score in result.scores if score.name == label)


@pytest.mark.parametrize("name", TASKS)
def test_right_answers_are_right_in_each_task(name: str, asked_earth: Summary, tmp_path: Path) -> None:
    samples = samples_of(name, asked_earth)
    assert not [sample.defect for sample in samples if sample.defect]
    layout, split = TASKS[name]
    written = sum(part.samples[layout] for part in asked_earth.splits if split in (part.split, None))
    assert len(samples) == written > 1
    lines = [json.dumps({"sample_id": sample.id, "text": f"{sample.target.texts[0]}"}) for sample in samples]
    (tmp_path / "right.jsonl").write_text("\n".join(lines))
    result = run(name, f"replay:{tmp_path / 'right.jsonl'}", asked_earth, tmp_path / "run")[name]
    assert primary(result) == 1.0
    assert result.counts.unparsed == result.counts.empty == 0
    assert len(result.slices) > 1


def test_a_baseline_answers_all_of_them(asked_earth: Summary, tmp_path: Path) -> None:
    results = run(",".join(TASKS), "baseline:constant", asked_earth, tmp_path / "run")
    for name, result in results.items():
        score = primary(result)
        assert score is not None
        # "Yes" is right to some questions and names no scene.
        scene = TASKS[name][1] is None
        assert score == 0 if scene else 0 < score < 1, name


def test_the_prompt_lists_the_classes(asked_earth: Summary, tmp_path: Path) -> None:
    run("eurosat", "baseline:constant", asked_earth, tmp_path / "run")
    record = next(iter(RunDirectory(tmp_path / "run").records("eurosat")))
    assert record.prompt.startswith("Classes: annual crop, forest, herbaceous vegetation, highway,")
    assert record.prompt.endswith("Answer in one word or a short phrase.")
    assert record.prediction.status == "unparsed"


def test_pairs_have_an_optical_and_a_thermal_image(asked_earth: Summary) -> None:
    sample = samples_of("traffic_vqa", asked_earth)[0]
    optical, warm = (np.asarray(Image.open(image.path)) for image in sample.images)
    assert optical.shape == (96, 96, 3)
    assert warm.shape == (96, 96)


def test_vehicles_are_warm_and_water_is_cold() -> None:
    for index in range(20):
        scene = make_scene(seed_of(1, "test", index), 128)
        shown = thermal(scene, np.random.default_rng(0))
        vehicles = [instance.mask for instance in scene.instances if instance.category == "vehicle"]
        if vehicles and scene.covers["water"].mean() > 0.1:
            assert shown[vehicles[0]].mean() > shown.mean() > shown[scene.covers["water"]].mean()
            return
    pytest.fail("none of the scenes has both")


def test_types_of_one_kind_are_counted_together(asked_earth: Summary) -> None:
    assert {"image", "rural or urban"}.isdisjoint(
        sample.tags["type"] for sample in samples_of("vrsbench_vqa", asked_earth)
    )
    types = {sample.tags["type"] for sample in samples_of("rsieval_vqa", asked_earth)}
    assert {"presence", "quantity", "scene", "image", "color", "absolute position"} <= types
    assert {sample.tags["type"] for sample in samples_of("rsvqa_lr", asked_earth)} == {
        "presence", "comp", "count", "rural_urban",
    }  # fmt: skip


@pytest.mark.parametrize("name", SCENE_FOLDERS)
def test_every_theme_has_a_class_of_the_benchmark(name: str) -> None:
    known = task_of(name).spec.dataset.options["classes"]
    assert set(SCENE_FOLDERS[name].classes) == set(THEMES)
    assert set(SCENE_FOLDERS[name].classes.values()) <= set(known)


def test_every_layout_here_is_registered() -> None:
    assert set(FORMATS) <= set(LAYOUTS)
