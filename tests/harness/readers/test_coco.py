"""COCO's instances."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.readers.coco import CocoReader
from harness.records import Sample

IMAGES = [{"id": number, "file_name": name, "height": 4, "width": 6} for number, name in ((1, "a.png"), (2, "b.png"))]
CATEGORIES = [{"id": 1, "name": "ship"}, {"id": 2, "name": "harbour"}]
SQUARE = [[0, 0, 2, 0, 2, 2, 0, 2]]


def thing(number: int, image: int, category: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "bbox": [0, 0, 2, 2], **more}


def read(root: Path, annotations: list[Any], **options: Any) -> list[Sample]:
    for image in IMAGES:
        (root / str(image["file_name"])).touch()
    content = {"images": IMAGES, "annotations": annotations, "categories": CATEGORIES}
    (root / "instances.json").write_text(json.dumps(content))
    return list(CocoReader("instances.json", **options).samples(root))


def test_objects_of_one_category_in_one_image_are_a_sample(tmp_path: Path) -> None:
    crowd = thing(5, 1, 1, iscrowd=1)
    rows = [thing(1, 2, 1), thing(2, 1, 1, segmentation=SQUARE), thing(3, 2, 1), thing(4, 2, 2), crowd]
    ships, others, harbour = read(tmp_path, rows)
    assert [sample.id for sample in (ships, others, harbour)] == ["1-1", "2-1", "2-2"]
    assert others.target.boxes == ((0.0, 0.0, 2.0, 2.0),) * 2
    assert others.fields == others.tags == {"category": "ship"}
    assert len(ships.target.masks) == 1
    assert ships.images[0].path == tmp_path / "a.png"
    assert len(read(tmp_path, rows, crowds=True)[0].target.boxes) == 2


def test_each_object_may_be_a_sample(tmp_path: Path) -> None:
    first, second = read(tmp_path, [thing(8, 1, 1, segmentation=SQUARE), thing(9, 1, 2)], each="instance")
    assert (first.id, first.tags) == ("8", {"category": "ship", "size": "small"})
    assert (second.id, second.tags) == ("9", {"category": "harbour"})


def test_what_cannot_be_used_is_a_defect(tmp_path: Path) -> None:
    rows = [thing(1, 3, 1), thing(2, 1, 7), thing(3, 1, 1) | {"bbox": [1, 1, 0, 2]}, thing(4, 2, 1, segmentation="x")]
    by_id = {sample.id: sample.defect or "" for sample in read(tmp_path, rows, each="instance")}
    assert "its image 3 is not among the file's images" in by_id["1"]
    assert "its category 7 is not among the file's categories" in by_id["2"]
    assert "annotation 3: 'bbox': the box [1, 1, 0, 2] (xywh) has no area" in by_id["3"]
    assert "annotation 4: its segmentation is neither masks" in by_id["4"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, [thing(1, 1, 1), thing(1, 1, 1), {"id": 2, "image_id": 1, "bbox": []}])
    assert "annotations: the id 1 stands more than once" in str(caught.value)
    assert "annotations[2].category_id: missing" in str(caught.value)


def test_a_real_file_without_categories_is_refused(shared: Path) -> None:
    with pytest.raises(DataError, match="the list 'categories' is missing; found the keys 'images', 'annotations'"):
        list(CocoReader("annotations.json").samples(shared / "data/layouts/vhr10"))
