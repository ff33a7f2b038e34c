"""The writers: the benchmarks' layout, reproducible bytes, refusals."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as run_length

from geopix.earth.make import MANIFEST, Summary, Talk, make_earth
from geopix.earth.scene import make_scene
from geopix.earth.seeds import seed_of
from harness.errors import ConfigurationError
from harness.readers.refer import ReferReader
from harness.readers.rsvqa import RsvqaReader

SPLITS = (("train", 4), ("val", 1), ("test", 1))


def digest(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def table(directory: Path, split: str, name: str) -> list[dict[str, Any]]:
    rows = json.loads((directory / "RSVQA_HR" / f"USGS_split_{split}_{name}.json").read_text("utf-8"))
    assert list(rows) == [name]
    return list(rows[name])


def references(directory: Path) -> list[dict[str, Any]]:
    return list(pickle.loads((directory / "rrsisd" / "rrsisd" / "refs(unc).p").read_bytes()))


def test_the_same_arguments_give_the_same_bytes_whatever_the_workers(small_earth: Summary, tmp_path: Path) -> None:
    again = make_earth(tmp_path / "again", seed=3, images=6, size=128, splits=SPLITS, workers=2)
    assert digest(again.directory) == digest(small_earth.directory)
    assert again.splits == small_earth.splits


def test_more_images_change_none_of_the_earlier(small_earth: Summary, tmp_path: Path) -> None:
    larger = make_earth(tmp_path / "larger", seed=3, images=12, size=128, splits=SPLITS)
    before, after = digest(small_earth.directory), digest(larger.directory)
    pictures = [name for name in before if name.endswith((".tif", ".jpg"))]
    assert len(pictures) == 12
    assert all(after[name] == before[name] for name in pictures)
    for split, _ in SPLITS:
        asked = [row for row in table(small_earth.directory, split, "questions") if row["active"]]
        assert table(larger.directory, split, "questions")[: len(asked)] == asked
    kept = {row["ref_id"]: row for row in references(larger.directory)}
    assert all(kept[row["ref_id"]] == row for row in references(small_earth.directory))


def test_splits_share_no_seed_and_no_image(small_earth: Summary) -> None:
    seeds = {seed_of(3, split, index, use) for split, _ in SPLITS for index in range(500) for use in range(3)}
    assert len(seeds) == 3 * 500 * 3
    ids = [{row["id"] for row in table(small_earth.directory, split, "images") if row["active"]} for split, _ in SPLITS]
    assert [len(own) for own in ids] == [4, 1, 1]
    assert len(set.union(*ids)) == 6
    looks = {path.read_bytes() for path in (small_earth.directory / "RSVQA_HR" / "Data").iterdir()}
    assert len(looks) == 6


def test_rsvqa_files_have_the_real_keys(small_earth: Summary, shared: Path) -> None:
    for name in ("questions", "answers", "images"):
        ours = table(small_earth.directory, "test", name)
        theirs = table(shared / "data" / "real", "test", name)
        assert {tuple(row) for row in ours} == {tuple(row) for row in theirs}
        assert {key: type(value) for key, value in ours[0].items()} == {
            key: type(value) for key, value in theirs[0].items()
        }


def test_rsvqa_rows_point_at_each_other(small_earth: Summary) -> None:
    for split, _ in SPLITS:
        rows = {name: table(small_earth.directory, split, name) for name in ("questions", "answers", "images")}
        answers = {row["id"]: row for row in rows["answers"]}
        asked = [row for row in rows["questions"] if row["active"]]
        for row in asked:
            assert answers[row["answers_ids"][0]]["question_id"] == row["id"]
            assert (small_earth.directory / "RSVQA_HR" / "Data" / f"{row['img_id']}.tif").is_file()
        listed = [number for row in rows["images"] for number in row["questions_ids"]]
        assert listed == [row["id"] for row in asked]
        assert all(any(not row["active"] for row in part) for part in rows.values())


def test_rrsisd_files_have_the_real_keys(small_earth: Summary, shared: Path) -> None:
    real = shared / "data" / "real"
    ours, theirs = references(small_earth.directory), references(real)
    assert {tuple(row) for row in ours} == {tuple(row) for row in theirs}
    assert set(ours[0]["sentences"][0]) == set(theirs[0]["sentences"][0])
    raw = (small_earth.directory / "rrsisd" / "rrsisd" / "refs(unc).p").read_bytes()
    assert raw.startswith(b"\x80\x02")
    own, other = (
        json.loads((root / "rrsisd" / "rrsisd" / "instances.json").read_text("utf-8"))
        for root in (small_earth.directory, real)
    )
    assert set(own) == set(other)
    assert own["categories"][:20] == other["categories"]
    for part in ("images", "annotations"):
        assert set(own[part][0]) == set(other[part][0])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside pycocotools
def test_coded_masks_are_the_scenes_masks(small_earth: Summary) -> None:
    folder = small_earth.directory / "rrsisd"
    instances = json.loads((folder / "rrsisd" / "instances.json").read_text("utf-8"))
    annotations = {row["id"]: row for row in instances["annotations"]}
    names = {row["id"]: row["name"] for row in instances["categories"]}
    checked = 0
    for row in references(small_earth.directory):
        annotation = annotations[row["ann_id"]]
        (code,) = annotation["segmentation"]
        decoded = run_length.decode({"size": code["size"], "counts": code["counts"].encode()}).astype(bool)
        ordinal, index = (row["image_id"] - 1) % 3, (row["image_id"] - 1) // 3
        scene = make_scene(seed_of(3, SPLITS[ordinal][0], index), 128)
        instance = scene.instances[row["ann_id"] % 32]
        assert row["split"] == SPLITS[ordinal][0]
        assert np.array_equal(decoded, instance.mask)
        assert annotation["area"] == decoded.sum()
        x, y, width, height = annotation["bbox"]
        assert (x, y, x + width, y + height) == instance.box
        assert names[row["category_id"]] == instance.category.replace(" ", "")
        assert (folder / "images" / "rrsisd" / "JPEGImages" / row["file_name"]).is_file()
        checked += 1
    assert checked >= 6
    assert checked == sum(split.samples["rrsisd"] for split in small_earth.splits)


def test_the_readers_of_the_real_benchmarks_read_it(small_earth: Summary) -> None:
    by_split = {split.split: split for split in small_earth.splits}
    for split, _ in SPLITS:
        asked = list(RsvqaReader(prefix=f"USGS_split_{split}").samples(small_earth.directory / "RSVQA_HR"))
        reader = ReferReader(dataset="rrsisd", split=split, images="images/rrsisd/JPEGImages")
        referred = list(reader.samples(small_earth.directory / "rrsisd"))
        assert {"rsvqa_hr": len(asked), "rrsisd": len(referred)} == by_split[split].samples
        assert not [sample.defect for sample in (*asked, *referred) if sample.defect]


def test_both_benchmarks_show_the_same_scene(small_earth: Summary) -> None:
    tiff = np.asarray(Image.open(small_earth.directory / "RSVQA_HR" / "Data" / "1.tif"))
    jpeg = np.asarray(Image.open(small_earth.directory / "rrsisd/images/rrsisd/JPEGImages/00001.jpg"))
    assert np.array_equal(tiff, make_scene(seed_of(3, "train", 0), 128).image)
    assert np.abs(tiff.astype(int) - jpeg).mean() < 4


def test_more_is_said_of_the_same_scenes_when_asked_for(small_earth: Summary, tmp_path: Path) -> None:
    talk = Talk(expressions=2, rates=(("attribute", 1.0),))
    chatty = make_earth(tmp_path / "chatty", seed=3, images=6, size=128, splits=SPLITS, talk=talk)
    usual, more = digest(small_earth.directory), digest(chatty.directory)
    assert {name for name in usual if usual[name] == more[name]} == {n for n in usual if n.endswith((".tif", ".jpg"))}
    named = [row for row in references(chatty.directory) if len(row["sentences"]) == 2]
    assert named
    assert all(len({sentence["sent"] for sentence in row["sentences"]}) == 2 for row in named)
    for was, split in zip(small_earth.splits, chatty.splits, strict=True):
        reader = ReferReader(dataset="rrsisd", split=split.split, images="images/rrsisd/JPEGImages")
        assert len(list(reader.samples(chatty.directory / "rrsisd"))) == split.samples["rrsisd"]
        assert split.samples["rsvqa_hr"] > was.samples["rsvqa_hr"]


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (Talk(expressions=-1), "The number of expressions must not be negative; found -1."),
        (
            Talk(rates=(("atribute", 0.5),)),
            "Unknown group of questions 'atribute'; known are .* 'attribute'",
        ),
        (Talk(rates=(("comp", 1.5),)), "The rate of comp must be from 0 to 1; found 1.5."),
    ],
)
def test_impossible_talk_is_refused(tmp_path: Path, talk: Talk, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make_earth(tmp_path / "set", seed=0, images=3, talk=talk)


def test_a_set_with_more_said_is_not_taken_for_the_usual_one(small_earth: Summary) -> None:
    with pytest.raises(ConfigurationError, match="talk: usual there"):
        make_earth(small_earth.directory, seed=3, images=6, size=128, splits=SPLITS, talk=Talk(expressions=1))


def test_the_same_command_again_changes_nothing(small_earth: Summary) -> None:
    times = {path: path.stat().st_mtime_ns for path in small_earth.directory.rglob("*")}
    again = make_earth(small_earth.directory, seed=3, images=6, size=128, splits=SPLITS)
    assert not again.made
    assert again.splits == small_earth.splits
    assert {path: path.stat().st_mtime_ns for path in small_earth.directory.rglob("*")} == times


def test_one_format_alone_and_what_a_killed_run_left(tmp_path: Path) -> None:
    stale = tmp_path / ".set.partial" / "RSVQA_HR"
    stale.mkdir(parents=True)
    (stale / "old.json").write_text("half")
    calls: list[tuple[int, int]] = []
    summary = make_earth(
        tmp_path / "set", seed=0, images=2, size=64, splits=(("train", 1), ("test", 1)), formats=("rsvqa_hr",),
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    assert calls == [(1, 2), (2, 2)]
    assert {path.name for path in tmp_path.iterdir()} == {"set"}
    assert {path.name for path in summary.directory.iterdir()} == {"RSVQA_HR", MANIFEST}
    assert all(set(split.samples) == {"rsvqa_hr"} for split in summary.splits)


def test_an_interrupted_run_leaves_no_set(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_earth(tmp_path / "set", seed=0, images=1, size=64, splits=(("train", 1),), progress=interrupt)
    assert not (tmp_path / "set").exists()


def test_other_arguments_are_refused_by_name(small_earth: Summary) -> None:
    with pytest.raises(ConfigurationError, match="seed: 3 there, 4 asked") as caught:
        make_earth(small_earth.directory, seed=4, images=6, size=128, splits=SPLITS)
    assert "Choose another folder" in str(caught.value)


def test_a_strangers_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ConfigurationError, match="is not empty and is no Mini Earth"):
        make_earth(tmp_path, seed=0, images=10)
    with pytest.raises(ConfigurationError, match="is a file"):
        make_earth(tmp_path / "thesis.tex", seed=0, images=10)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        make_earth(tmp_path, seed=0, images=10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "must not be negative; found -1"),
        ({"size": 32}, "from 64 to 2048 pixels; found 32"),
        ({"workers": 0}, "At least one worker"),
        ({"formats": ("rsvqa_h",)}, "Did you mean 'rsvqa_hr'"),
        ({"formats": ()}, "No format was asked for"),
        ({"images": 3}, "3 images leave a split empty; ask for at least 10"),
        ({"splits": (("train", 1), ("train", 1))}, "found train:1,train:1"),
        ({"splits": (("../up", 1),)}, "Splits are different names"),
        ({"splits": ()}, "found none"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_earth(tmp_path / "set", **{"seed": 0, "images": 10, **change})
    assert list(tmp_path.iterdir()) == []
