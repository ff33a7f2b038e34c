"""Grounding tasks from end to end: Mini Earth in the benchmarks' own files, answers replayed, scores known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geopix.earth.make import Summary, make_earth
from harness.boxes import convert
from harness.catalog import Catalogue, shipped
from harness.evaluate import evaluate
from harness.images import image_size
from harness.models.replay import replay
from harness.plugins import installed
from harness.records import Sample
from harness.results import RunManifest, TaskResult
from harness.settings import Settings
from harness.store import RunDirectory

FORMATS = ("dior_rsvg", "vrsbench_referring", "dvgbench", "geochat_referring")
SPLITS = (("train", 1), ("test", 3))
BOXES = ("dior_rsvg", "vrsbench_referring", "dvgbench_implicit", "dvgbench_explicit", "geochat_referring")
MASKS = ("dvgbench_implicit_masks", "dvgbench_explicit_masks")
Speak = Callable[[str, Sample], dict[str, Any]]


@pytest.fixture(scope="session")
def earth(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return make_earth(
        tmp_path_factory.mktemp("ground") / "set", seed=5, images=8, size=100, splits=SPLITS, formats=FORMATS
    )


def run(name: str, earth: Summary, folder: Path, speak: Speak) -> TaskResult:
    task = Catalogue([shipped("tasks")], installed()).task(name)
    samples = task.reader.samples(earth.directory / task.spec.dataset.root)
    answers = folder / "answers.jsonl"
    answers.write_text("".join(json.dumps({"sample_id": one.id, **speak(name, one)}) + "\n" for one in samples))
    directory = RunDirectory(folder / "run")
    model = replay(str(answers), {})
    directory.open(RunManifest(model.name, "", model.digest, {}, {}, (), "", 0, str(earth.directory)))
    return evaluate(task, model, directory, Settings(earth.directory))


def said(name: str, sample: Sample) -> dict[str, Any]:
    """The true boxes as the task's model family writes them; the pictures have 100 pixels a side."""
    boxes = [[round(value) for value in box] for box in sample.target.boxes]
    if name in ("vrsbench_referring", "geochat_referring"):
        return {"text": "".join("{" + "".join(f"<{value}>" for value in box) + "}" for box in boxes)}
    return {"text": f"<think>[1, 2, 3, 4]?</think><answer>{boxes[0]}</answer>"}


def masked(name: str, sample: Sample) -> dict[str, Any]:
    return {"masks": [{"size": mask.size, "counts": mask.counts} for mask in sample.target.masks]}


@pytest.mark.parametrize("name", BOXES)
def test_right_boxes_score_all_and_no_box_none(name: str, earth: Summary, tmp_path: Path) -> None:
    result = run(name, earth, tmp_path, said)
    assert result.counts.failed == 0
    assert result.counts.ok == result.counts.total > 8
    assert [score.value for score in result.scores] == [1.0] * len(result.scores)
    (tmp_path / "none").mkdir()
    refused = run(name, earth, tmp_path / "none", lambda task, sample: {"text": "I cannot see it."})
    assert refused.counts.unparsed == refused.counts.total
    assert [score.value for score in refused.scores] == [0.0] * len(refused.scores)


@pytest.mark.parametrize("name", MASKS)
def test_right_masks_score_all(name: str, earth: Summary, tmp_path: Path) -> None:
    result = run(name, earth, tmp_path, masked)
    assert result.counts.ok == result.counts.total > 8
    assert [score.value for score in result.scores] == [1.0, 1.0, 1.0]


def test_polygons_are_the_scenes_masks(earth: Summary) -> None:
    task = Catalogue([shipped("tasks")], installed()).task("dvgbench_explicit_masks")
    for sample in task.reader.samples(earth.directory / "DVGBench"):
        assert sample.defect is None
        assert sample.target.masks[0].size == image_size(sample.images[0]) == (100, 100)


def test_numbers_in_pixels_serve_a_task_that_scores_hundredths(earth: Summary, tmp_path: Path) -> None:
    def numbers(name: str, sample: Sample) -> dict[str, Any]:
        size = image_size(sample.images[0])
        return {"boxes": [convert(box, "0-100", "pixels", size) for box in sample.target.boxes]}

    assert run("vrsbench_referring", earth, tmp_path, numbers).primary.value == 1.0


def test_masks_stand_in_for_boxes_and_the_result_says_so(earth: Summary, tmp_path: Path) -> None:
    truth = {}
    task = Catalogue([shipped("tasks")], installed()).task("dvgbench_explicit_masks")
    for sample in task.reader.samples(earth.directory / "DVGBench"):
        truth[sample.id] = masked("", sample)
    result = run("dvgbench_explicit", earth, tmp_path, lambda name, sample: truth[sample.id])
    assert next(score.value for score in result.scores if score.name == "mean_iou") > 0.95
    total = result.counts.total
    assert (
        f"{total} of {total} answers were scored by the boxes around its masks, for they had nothing"
        in result.notes[-1]
    )


def test_the_average_of_scenarios_is_in_the_result(earth: Summary, tmp_path: Path) -> None:
    def traffic_alone(name: str, sample: Sample) -> dict[str, Any]:
        return said(name, sample) if sample.tags["scenario"] == "traffic" else {"text": "[0, 0, 1, 1]"}

    result = run("dvgbench_implicit", earth, tmp_path, traffic_alone)
    scenarios = {part.value for part in result.slices if part.tag == "scenario"}
    assert result.primary.name == "avg"
    assert result.primary.value == pytest.approx(("traffic" in scenarios) / len(scenarios))


def test_the_files_are_the_same_whatever_the_number_of_images(earth: Summary, tmp_path: Path) -> None:
    more = make_earth(tmp_path / "more", seed=5, images=16, size=100, splits=SPLITS, formats=("dvgbench",))
    lines = (more.directory / "DVGBench" / "dvg_test.jsonl").read_text().splitlines()
    before = (earth.directory / "DVGBench" / "dvg_test.jsonl").read_text().splitlines()
    assert lines[: len(before)] == before


def test_the_rows_have_the_published_keys(earth: Summary) -> None:
    root = earth.directory
    dvgbench = json.loads((root / "DVGBench" / "dvg_test.jsonl").read_text().splitlines()[0])
    assert list(dvgbench) == [
        "question_id", "image_id", "bbox", "obb", "poly", "question", "question_e", "question_cn", "question_e_cn",
        "dataset", "class", "split",
    ]  # fmt: skip
    vrsbench = json.loads((root / "VRSBench" / "VRSBench_EVAL_referring.json").read_text())[0]
    assert list(vrsbench) == [
        "image_id", "question", "ground_truth", "dataset", "question_id", "type", "unique", "obj_corner", "obj_cls",
        "obj_ids", "size_group",
    ]  # fmt: skip
