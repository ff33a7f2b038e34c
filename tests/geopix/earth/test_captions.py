"""Captions of Mini Earth: true, different, grammatical, and the same again."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from geopix.earth import facts, phrases
from geopix.earth.captions import COVERS, NUMBERS, captions, description
from geopix.earth.make import make_earth
from geopix.earth.scene import Scene, make_scene
from geopix.earth.things import CATEGORIES

NOUNS = "|".join(sorted({phrases.plural(category) for category in CATEGORIES} | set(CATEGORIES), key=len, reverse=True))
COUNTED = re.compile(rf"\b({'|'.join(NUMBERS)}|an?) ({NOUNS})\b", re.IGNORECASE)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def sentences(scene: Scene) -> list[str]:
    return [*captions(scene, rng()), *re.findall(r"[^.]+\.", description(scene, rng()))]


def test_five_different_sentences_and_the_same_again(scenes: list[Scene]) -> None:
    for scene in scenes:
        found = captions(scene, rng())
        assert len(set(found)) == 5
        assert found == captions(scene, rng())
    assert len({captions(scenes[0], rng(seed)) for seed in range(8)}) > 3


def test_an_empty_scene_still_has_five() -> None:
    scene = Scene(
        np.zeros((64, 64, 3), np.uint8),
        (),
        frozenset(),
        {name: np.zeros((64, 64), bool) for name in COVERS},
        0.3,
        "wild",
    )
    found = captions(scene, rng())
    assert found[0] == "There is no building in the image."
    assert len(set(found)) == 5


def test_what_is_counted_is_there(scenes: list[Scene]) -> None:
    checked = 0
    for scene in scenes:
        for text in captions(scene, rng(), 7):
            if " of the image" in text or "Part of" in text:
                continue
            for word, noun in COUNTED.findall(text):
                category = noun if noun in CATEGORIES else noun.removesuffix("s")
                number = 1 if word.lower() in ("a", "an") else NUMBERS.index(word.lower())
                assert facts.count(scene, category) == number, text
                checked += 1
    assert checked > 10


def test_what_has_a_place_is_there(scenes: list[Scene]) -> None:
    checked = 0
    for scene in scenes:
        for text in sentences(scene):
            for position, words in phrases.POSITIONS.items():
                if f" is {words} of the image" in text:
                    assert any(
                        facts.at_position(instance, position) and instance.color in text and instance.category in text
                        for instance in scene.instances
                    ), text
                    checked += 1
    assert checked > 10


def test_covers_that_are_named_are_there(scenes: list[Scene]) -> None:
    for scene in scenes:
        for text in sentences(scene):
            if "ground" in text or "aerial image shows" in text:
                assert [facts.covered(scene, cover) for cover, words in COVERS.items() if words in text].count(
                    True
                ) >= 1
                assert not any(facts.covered(scene, cover) is False for cover, words in COVERS.items() if words in text)


@pytest.mark.parametrize("seed", range(3))
def test_sentences_read_well(seed: int) -> None:
    for text in sentences(make_scene(seed, 96)):
        assert re.fullmatch(r" ?[A-Z][a-z ,]+\.", text), text
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou ]|  |, and|is (two|three|four)|are an? ", text.lower()), text


def test_one_picture_has_the_same_captions_in_all_layouts(tmp_path: Path) -> None:
    formats = ("ucm_captions", "rsicd", "nwpu_captions", "rsieval", "vrsbench_captions")
    summary = make_earth(tmp_path / "e", seed=5, images=3, size=64, splits=(("train", 1), ("test", 2)), formats=formats)
    assert [split.samples["vrsbench_captions"] for split in summary.splits] == [0, 2]
    assert [split.samples["rsicd"] for split in summary.splits] == [1, 2]
    root = summary.directory
    ucm, rsicd = (
        json.loads((root / name).read_text())["images"]
        for name in ("UCM_captions/dataset.json", "RSICD/dataset_rsicd.json")
    )
    assert [row["sentences"] for row in ucm] == [row["sentences"] for row in rsicd]
    nwpu = [
        row for table in json.loads((root / "NWPU-Captions/dataset_nwpu.json").read_text()).values() for row in table
    ]
    assert {row["raw_3"] for row in nwpu} == {row["sentences"][3]["raw"] for row in ucm}
    rsieval = json.loads((root / "RSIEval/annotations.json").read_text())["annotations"]
    vrsbench = json.loads((root / "VRSBench/VRSBench_EVAL_Cap.json").read_text())
    assert [row["caption"] for row in rsieval] == [row["ground_truth"] for row in vrsbench]


def test_karpathy_s_files_have_the_real_keys(tmp_path: Path, shared: Path) -> None:
    make_earth(tmp_path / "e", seed=5, images=1, size=64, splits=(("test", 1),), formats=("ucm_captions",))
    ours = json.loads((tmp_path / "e/UCM_captions/dataset.json").read_text())
    theirs = json.loads((shared / "data/real/UCM_captions/dataset.json").read_text())
    assert (list(ours), list(ours["images"][0])) == (list(theirs), list(theirs["images"][0]))
    assert list(ours["images"][0]["sentences"][0]) == list(theirs["images"][0]["sentences"][0])
