"""Folders of classes."""

import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigurationError, DataError, MissingDataError
from harness.parsers.names import key_of
from harness.readers.image_folder import ImageFolderReader
from harness.records import Sample

CLASSES = {"classes": ["SeaLake", "Forest"], "names": {"SeaLake": "sea or lake"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("Forest/Forest_2.jpg", "Forest/Forest_1.jpg", "SeaLake/SeaLake_1.JPG", "SeaLake/readme.txt"):
        path = tmp_path / "2750" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def read(root: Path, **options: Any) -> list[Sample]:
    return list(ImageFolderReader(**{**CLASSES, "folder": "2750", **options}).samples(root))


def test_images_go_by_their_class(root: Path) -> None:
    first, second, third = read(root)
    assert [sample.id for sample in (first, second, third)] == [
        "SeaLake/SeaLake_1.JPG", "Forest/Forest_1.jpg", "Forest/Forest_2.jpg",
    ]  # fmt: skip
    assert first.target.texts == ("sea or lake",)
    assert first.fields == {"classes": "sea or lake\nforest"}
    assert first.tags == {"class": "sea or lake"}
    assert first.images[0].path == root / "2750/SeaLake/SeaLake_1.JPG"
    assert [sample.id for sample in read(root, per_class=1)] == ["SeaLake/SeaLake_1.JPG", "Forest/Forest_1.jpg"]


def test_classes_may_be_left_to_the_folders(root: Path) -> None:
    assert [sample.target.texts[0] for sample in read(root, classes=[], names={})] == ["forest", "forest", "sea lake"]


def test_a_list_names_the_split(root: Path) -> None:
    (root / "test.txt").write_text("Forest_2.jpg\n\nSeaLake/SeaLake_1.JPG\r\n")
    assert [sample.id for sample in read(root, split_list="test.txt")] == [
        "Forest/Forest_2.jpg", "SeaLake/SeaLake_1.JPG",
    ]  # fmt: skip


def test_a_list_that_does_not_fit_is_refused_whole(root: Path) -> None:
    (root / "2750/SeaLake/x.jpg").touch()
    (root / "2750/Forest/x.jpg").touch()
    (root / "test.txt").write_text("Forest_3.jpg\nSeaLake/Forest_1.jpg\nx.jpg\n../../Forest_1.jpg\n")
    with pytest.raises(DataError) as caught:
        read(root, split_list="test.txt")
    message = str(caught.value)
    assert "line 1: Forest_3.jpg is in no folder of a class" in message
    assert "line 2: SeaLake/Forest_1.jpg is in no folder" in message
    assert "line 3: x.jpg is in several classes: SeaLake, Forest. List it as class/image" in message
    assert "line 4: " in message
    with pytest.raises(MissingDataError, match="expected the list of the split's images"):
        read(root, split_list="tset.txt")


def test_a_class_that_the_task_does_not_name_is_refused(root: Path) -> None:
    (root / "2750/Forst").mkdir()
    with pytest.raises(DataError, match=r"Forst: no class of this task is called so\. Did you mean 'Forest'\?"):
        read(root)
    with pytest.raises(MissingDataError, match="expected a folder for each class"):
        read(root, folder="2751")
    with pytest.raises(ConfigurationError, match="must not be negative"):
        read(root, per_class=-1)


def test_a_link_that_leads_outside_is_a_defect(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.jpg"
    secret.touch()
    (root / "2750/Forest/Forest_1.jpg").unlink()
    (root / "2750/Forest/Forest_1.jpg").symlink_to(secret)
    defects = {sample.id: sample.defect for sample in read(root)}
    assert re.search("outside its root", defects["Forest/Forest_1.jpg"] or "")
    assert defects["Forest/Forest_2.jpg"] is None


def test_a_class_that_is_a_link_outside_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (root / "2750/River").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(DataError, match="outside its root"):
        read(root, classes=[])


@pytest.mark.parametrize(
    ("folder", "where", "listing", "count"),
    [
        ("resisc45", "NWPU-RESISC45", "resisc45-test.txt", 9),
        ("ucmerced", "UCMerced_LandUse/Images", "uc_merced-test.txt", 4),
        ("eurosat", "ds/images/remote_sensing/otherDatasets/sentinel_2/tif", "eurosat-test.txt", 2),
    ],
)
def test_real_layouts_and_lists_are_read(shared: Path, folder: str, where: str, listing: str, count: int) -> None:
    root = shared / "data/layouts" / folder
    samples = list(ImageFolderReader(folder=where, split_list=listing).samples(root))
    assert len(samples) == count
    assert all(key_of(sample.id).startswith(key_of(sample.target.texts[0])) and not sample.defect for sample in samples)
