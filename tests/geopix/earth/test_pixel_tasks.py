"""The shipped tasks of masks from files to scores, on drawn scenes in the benchmarks' own layouts."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from geopix.earth.make import Summary, make_earth
from geopix.earth.scene import make_scene
from geopix.earth.seeds import seed_of
from harness.catalog import Catalogue, shipped
from harness.cli import main
from harness.errors import EnvironmentProblem
from harness.evaluate import evaluate
from harness.masks import boxes_of, decode, encode
from harness.models.baselines import baseline
from harness.models.replay import replay
from harness.plugins import installed
from harness.preparation import data_root
from harness.records import Sample
from harness.results import TaskResult
from harness.settings import Settings
from harness.spec import Task
from harness.store import RunDirectory
from tests.geopix.earth.conftest import PIXEL_FORMATS

LAYOUT_OF = {
    "rrsis": "rrsisd",
    "rrsis_earthmind": "rrsisd",
    "refsegrs": "refsegrs",
    "refsegrs_earthmind": "refsegrs",
    "risbench": "risbench",
    "drseg": "drseg",
    "earthreason": "earthreason",
    "earthreason_generalised": "earthreason",
    "lasers": "lasers",
    "rs_gcg": "geopixeld",
}
PARTS = ("sior", "fast", "sota")
TASKS = [
    *LAYOUT_OF,
    *(f"geopixinstruct_{part}_t{kind}" for part in PARTS for kind in ("", "_multi", "_grounding", "_description")),
]
Row = dict[str, Any]


def perfect(sample: Sample) -> Row:
    masks = [{"size": list(mask.size), "counts": mask.counts} for mask in sample.target.masks]
    return {"text": "".join(sample.target.texts[:1]), "masks": masks, "boxes": sample.target.boxes}


def by_boxes(sample: Sample) -> Row:
    return {"text": "Here.", "boxes": boxes_of(sample.target.masks)}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue([shipped("tasks")], installed())


@pytest.fixture(autouse=True)
def without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """METEOR's process takes seconds to start; its own tests start it."""
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def run(pixel_earth: Summary, catalogue: Catalogue, tmp_path: Path) -> Callable[..., TaskResult]:
    """Runs a task on answers that are made from its own samples, or on a baseline."""

    def run(name: str, answer: Callable[[Sample], Row] | None = None) -> TaskResult:
        task, directory = catalogue.task(name), RunDirectory(tmp_path / "run")
        model = baseline("whole-image", {})
        if answer:
            file = tmp_path / "answers.jsonl"
            rows = [{"sample_id": sample.id, **answer(sample)} for sample in samples(task, pixel_earth)]
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
            model = replay(str(file), {})  # type: ignore[assignment]
        return evaluate(task, model, directory, Settings(pixel_earth.directory))

    return run


def samples(task: Task, earth: Summary) -> Iterable[Sample]:
    return task.reader.samples(data_root(task, earth.directory))


def values(result: TaskResult) -> dict[str, float | None]:
    return {score.name: score.value for score in result.scores}


@pytest.mark.parametrize("name", TASKS)
def test_right_answers_score_all_and_the_whole_image_some(run: Callable[..., TaskResult], name: str) -> None:
    result = run(name, perfect)
    assert result.counts.ok == result.counts.total > 0
    for score in result.scores:
        if score.name == "meteor":
            assert "Java is not on the PATH" in (score.reason or "")
        elif score.name == "cider":
            assert 0 < (score.value or 0) <= 10
        else:
            assert score.value == pytest.approx(1, abs=1e-3), score
    if not name.endswith(("_grounding", "_description")):
        whole = run(name)
        assert (whole.counts.failed, whole.counts.unparsed) == (0, 0)
        assert 0 < (whole.primary.value or 0) < 0.9
    assert result.slices


@pytest.mark.parametrize(("name", "layout"), LAYOUT_OF.items())
def test_readers_find_what_was_written(pixel_earth: Summary, catalogue: Catalogue, name: str, layout: str) -> None:
    found = list(samples(catalogue.task(name), pixel_earth))
    assert len(found) == pixel_earth.splits[0].samples[layout]
    assert [sample.defect for sample in found if sample.defect] == []


def test_every_object_of_geopixinstruct_is_in_one_of_its_parts(pixel_earth: Summary, catalogue: Catalogue) -> None:
    found = [sample for part in PARTS for sample in samples(catalogue.task(f"geopixinstruct_{part}_t"), pixel_earth)]
    assert len({sample.id for sample in found}) == len(found) == pixel_earth.splits[0].samples["geopixinstruct"]
    for sample in found:
        assert sample.target.boxes == boxes_of(sample.target.masks)
        assert sample.tags["category"] in sample.fields["category"]


def test_polygons_have_the_pixels_of_the_encodings(pixel_earth: Summary, catalogue: Catalogue) -> None:
    encoded = {sample.target.masks for sample in samples(catalogue.task("lasers"), pixel_earth)}
    for sample in samples(catalogue.task("drseg"), pixel_earth):
        assert sample.target.masks in encoded


def test_polygons_of_captions_have_the_pixels_of_the_scene(pixel_earth: Summary, catalogue: Catalogue) -> None:
    for index, sample in enumerate(samples(catalogue.task("rs_gcg"), pixel_earth)):
        scene = make_scene(seed_of(3, "test", index), 96)
        assert sample.target.masks == tuple(encode(instance.mask) for instance in scene.instances[:8])


def test_questions_take_their_turns_and_some_have_no_answer(pixel_earth: Summary, catalogue: Catalogue) -> None:
    types = {sample.tags["type"] for sample in samples(catalogue.task("drseg"), pixel_earth)}
    assert types == {"Attribute", "Spatial", "Scene"}
    empty = [sample for sample in samples(catalogue.task("earthreason"), pixel_earth) if sample.tags["empty"] == "yes"]
    assert 0 < len(empty) < 12
    for sample in empty:
        assert sample.target.texts == ("There is no target object in the image.",)
        assert not decode(sample.target.masks[0]).any()
    answers = [text for sample in samples(catalogue.task("drseg"), pixel_earth) for text in sample.target.texts]
    assert not [text for text in answers if "think" in text or not text]


def test_a_model_without_masks_is_scored_by_its_boxes_and_the_result_says_so(run: Callable[..., TaskResult]) -> None:
    result = run("rrsis", by_boxes)
    assert 0.3 < (values(result)["miou"] or 0) < 1
    count = result.counts.total
    assert f"{count} of {count} answers were scored by its boxes, filled, for they had nothing else to score." in (
        result.notes
    )


def test_the_page_says_that_boxes_stood_in_for_masks(
    pixel_earth: Summary, catalogue: Catalogue, tmp_path: Path
) -> None:
    file, page = tmp_path / "boxes.jsonl", tmp_path / "page.html"
    rows = [{"sample_id": sample.id, **by_boxes(sample)} for sample in samples(catalogue.task("rrsis"), pixel_earth)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = ["--data-dir", str(pixel_earth.directory), "--output", str(tmp_path / "runs" / "boxes")]
    for arguments in (
        ["--tasks", "rrsis", "--model", f"replay:{file}", *data],
        ["leaderboard", str(tmp_path / "runs"), "-o", str(page)],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    html = page.read_text("utf-8")
    assert f"{len(rows)} of {len(rows)} answers were scored by its boxes, filled" in html
    assert "<dt>Scored by</dt>" in html


def test_a_model_without_boxes_is_scored_by_its_masks(run: Callable[..., TaskResult]) -> None:
    def masks_alone(sample: Sample) -> Row:
        return {"text": "It is [SEG].", "masks": perfect(sample)["masks"]}

    result = run("geopixinstruct_sior_t_grounding", masks_alone)
    assert values(result)["acc50"] == 1
    assert [note for note in result.notes if "were scored by the boxes around its masks" in note]


def test_saying_that_there_is_no_target_is_right_where_there_is_none(run: Callable[..., TaskResult]) -> None:
    found = values(run("earthreason_generalised", lambda sample: {"text": "There is no target."}))
    assert (found["n_acc"], found["t_acc"], found["ciou"], found["p70"]) == (1, 0, 0, 0)
    assert 0 < (found["giou"] or 0) < 0.5


def test_marks_without_masks_are_unparsed_and_never_lucky(run: Callable[..., TaskResult]) -> None:
    result = run("earthreason", lambda sample: {"text": "Sure, it is [SEG]."})
    assert result.counts.unparsed == result.counts.total
    assert set(values(result).values()) == {0}


def test_several_masks_in_another_order_are_told_apart_by_the_way_of_pairing(run: Callable[..., TaskResult]) -> None:
    def reversed_masks(sample: Sample) -> Row:
        return {"text": "", "masks": perfect(sample)["masks"][::-1]}

    found = values(run("geopixinstruct_sior_t_multi", reversed_masks))
    assert found["giou_matched"] == pytest.approx(1, abs=1e-3)
    assert found["miou_union"] == pytest.approx(1, abs=1e-3)
    assert (found["giou"] or 0) < 0.7


def test_a_caption_without_its_masks_loses_them_all(run: Callable[..., TaskResult]) -> None:
    found = values(run("rs_gcg", lambda sample: {"text": "A quay."}))
    assert (found["ap50"], found["miou"], found["recall"]) == (0, 0, 0)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        make_earth(tmp_path / name, seed=5, images=3, size=64, splits=(("val", 1),), formats=PIXEL_FORMATS[1:])
        for name in ("one", "other")
    )
    files = sorted(path.relative_to(one.directory) for path in one.directory.rglob("*") if path.is_file())
    assert len(files) > 30
    for file in files:
        assert (one.directory / file).read_bytes() == (other.directory / file).read_bytes(), file


def test_parquet_files_need_an_extra_which_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(EnvironmentProblem, match=r"geopixinstruct needs pyarrow .* `pip install 'geopix\[data\]'`"):
        make_earth(tmp_path / "set", seed=5, images=1, size=64, splits=(("val", 1),), formats=("geopixinstruct",))
