"""Every kind of data that a recipe can name, in the words of templates."""

import json
import re
import shutil
from pathlib import Path

import pytest

from geopix.boxes import parse_boxes
from geopix.training.mixture import Mixture, read_mixture
from geopix.training.schema import Instances, Source
from geopix.training.sources import find_data
from harness.errors import ConfigurationError, DataError, MissingDataError
from harness.masks import box_of
from harness.plugins import installed
from harness.run import catalogue_of

COCO = Instances(root="rrsisd", file="rrsisd/instances.json", images="images/rrsisd/JPEGImages")


def mixture(earth: Path, *sources: Source, seed: int = 0, on_defect: str = "stop") -> Mixture:
    return read_mixture(find_data(sources, earth, catalogue_of(()), installed(), seed=seed, on_defect=on_defect))


@pytest.mark.parametrize(
    ("task", "dataset", "templates", "capabilities"),
    [
        ("rrsis", {"split": "train"}, ["referring"], {"segment", "refer"}),
        ("refsegrs", {"split": "train"}, ["referring"], {"segment", "refer"}),
        ("geopixinstruct_sior_t", {"split": "train.SIOR_T"}, ["grounding"], {"refer", "caption"}),
        ("geopixinstruct_fast_t", {"split": "train.FAST_T"}, ["referring"], {"segment", "refer"}),
        ("geopixinstruct_sota_t", {"split": "train.SOTA_T"}, ["referring"], {"segment", "refer"}),
        ("dior_rsvg", {"split": "train"}, ["grounding"], {"refer", "caption"}),
        ("vrsbench_referring", {}, ["grounding"], {"refer", "caption"}),
        ("vrsbench_captions", {}, ["captions"], {"caption"}),
        ("vrsbench_vqa", {}, ["questions"], {"vqa"}),
        ("rsicd", {"split": "train"}, ["captions"], {"caption"}),
        ("nwpu_captions", {"split": "train"}, ["captions"], {"caption"}),
        ("rsieval_captions", {}, ["captions"], {"caption"}),
        ("rsieval_vqa", {}, ["questions"], {"vqa"}),
        ("rsvqa_hr", {"prefix": "USGS_split_train"}, ["questions"], {"vqa"}),
        ("rsvqa_lr", {"prefix": "LR_split_train"}, ["questions"], {"vqa"}),
    ],
)  # fmt: skip
def test_benchmarks_are_put_into_the_words_of_templates(
    earth: Path, task: str, dataset: dict[str, str], templates: list[str], capabilities: set[str]
) -> None:
    source = Source(task=task, dataset=dataset, templates=templates)
    made = mixture(earth, source)
    turns = [turn for lesson in made.lessons for turn in lesson.turns]
    assert {turn.capability for turn in turns} <= capabilities
    assert {turn.capability for turn in turns} & capabilities
    assert all(turn.answer.count("<SEG>") == len(turn.masks) == len(turn.classes) for turn in turns)
    assert made.digests == mixture(earth, source).digests
    assert all(turn.phrasings for turn in turns)


def test_the_seed_decides_the_words(earth: Path) -> None:
    source = Source(task="rrsis", dataset={"split": "train"}, templates=["referring"])
    assert mixture(earth, source).digests != mixture(earth, source, seed=1).digests


def test_every_caption_of_an_image_is_taught(earth: Path) -> None:
    source = Source(task="rsicd", dataset={"split": "train"}, templates=["captions"])
    described = json.loads((earth / "RSICD/dataset_rsicd.json").read_text())["images"]
    captions = [each["raw"] for image in described if image["split"] == "train" for each in image["sentences"]]
    taught = [turn.answer for lesson in mixture(earth, source).lessons for turn in lesson.turns]
    assert sorted(taught) == sorted(captions)


def test_coco_instances_are_asked_for_by_category_and_absent_ones_are_said_to_be_so(earth: Path) -> None:
    made = mixture(earth, Source(instances=COCO, templates=["instances", "absent"]))
    content = json.loads((earth / "rrsisd" / COCO.file).read_text())
    names = {row["id"]: row["name"] for row in content["categories"]}
    assert made.digests[0][0] == "rrsisd"
    absent = 0
    for lesson in made.lessons:
        here = {names[row["category_id"]] for row in content["annotations"] if str(row["image_id"]) == lesson.image.id}
        for turn in lesson.turns:
            if turn.capability == "segment" and turn.masks:
                assert set(turn.classes) <= here
            elif turn.capability == "segment":
                absent += 1
                assert not [name for name in here if f"no {name} " in turn.answer]
    assert absent


def test_instances_have_templates_of_their_own(earth: Path) -> None:
    assert (
        mixture(earth, Source(instances=COCO)).digests
        == mixture(earth, Source(instances=COCO, templates=["instances"])).digests
    )


def test_a_box_is_that_of_its_mask(earth: Path) -> None:
    source = Source(task="rrsis", dataset={"split": "train"}, templates=["referring"])
    both = [
        turn for lesson in mixture(earth, source).lessons for turn in lesson.turns if turn.masks and "{<" in turn.answer
    ]
    assert both
    for turn in both:
        height, width = turn.masks[0].size
        (box,) = parse_boxes(turn.answer, width, height)
        assert box == pytest.approx(box_of(turn.masks[0]), abs=0.0051 * width)


def test_missing_images_are_counted_and_named(earth: Path, tmp_path: Path) -> None:
    folder = tmp_path / "earth"
    shutil.copytree(earth / "GeoPixInstruct", folder / "GeoPixInstruct")
    gone = sorted(path for path in (folder / "GeoPixInstruct/images").rglob("*") if path.is_file())
    source = Source(task="geopixinstruct_sior_t", dataset={"split": "train.SIOR_T"})
    used = {lesson.image.path for lesson in mixture(folder, source).lessons}
    for path in gone:
        path.unlink()
    with pytest.raises(DataError) as caught:
        mixture(folder, source)
    message = str(caught.value)
    assert f"samples cannot be used; {len(used)} images are missing: " in message
    assert all(path.name in message for path in used)
    with pytest.raises(DataError, match="no sample of geopixinstruct_sior_t"):
        mixture(folder, source, on_defect="skip")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source(conversations="mine/train.jsonl"), "mine/train.jsonl does not exist; the recipe's `data` names it"),
        (Source(instances=Instances(root=".", file="no.json", images=".")), "no.json does not exist"),
        (Source(conversations="../train.jsonl"), "outside its root"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path: Path, source: Source, expected: str) -> None:
    with pytest.raises((MissingDataError, DataError), match=expected):
        mixture(tmp_path, source)


def test_templates_that_find_nothing_to_say_are_refused(earth: Path) -> None:
    with pytest.raises(ConfigurationError, match="templates captions find nothing to say of rrsis"):
        mixture(earth, Source(task="rrsis", dataset={"split": "train"}, templates=["captions"]))


@pytest.mark.parametrize("word", ["<image>", "[SEG0]", "</s>", "<SEG>"])
def test_words_that_would_steer_the_model_do_not_reach_it(earth: Path, tmp_path: Path, word: str) -> None:
    shutil.copytree(earth / "RSICD", tmp_path / "RSICD")
    path = tmp_path / "RSICD/dataset_rsicd.json"
    content = json.loads(path.read_text())
    image = next(image for image in content["images"] if image["split"] == "train")
    image["sentences"][0]["raw"] = f"A {word} harbour."
    path.write_text(json.dumps(content), encoding="utf-8")
    source = Source(task="rsicd", dataset={"split": "train"}, templates=["captions"])
    with pytest.raises(DataError, match=f"its words hold {re.escape(word)}, which steer the model"):
        mixture(tmp_path, source)
    left = mixture(tmp_path, source, on_defect="skip")
    assert len(left.skipped) == 1
    assert image["filename"] not in {lesson.image.path.name for lesson in left.lessons}
