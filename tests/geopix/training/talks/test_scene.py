"""What of an image is there, and what is not."""

import numpy as np

from geopix.training.talks.scene import scenes
from harness.masks import empty, encode
from harness.records import Sample, Target

MASK = encode(np.ones((4, 4), dtype=np.bool_))


def sample(name: str, category: str, targets: str | None = None) -> Sample:
    mask = empty((4, 4)) if targets == "0" else MASK
    tags = {"category": category} | ({} if targets is None else {"targets": targets})
    return Sample(name, (), {"expression": f"every {category}."}, Target(masks=(mask,)), tags)


def test_without_questions_in_vain_the_other_categories_are_absent() -> None:
    by_image = {"a": [sample("1", "ship")], "b": [sample("2", "quay")]}
    assert [(name, scene.absent) for name, scene in scenes(by_image, "segment", "pixels")] == [
        ("a", ("quay",)),
        ("b", ("ship",)),
    ]


def test_what_a_data_set_asks_for_in_vain_is_absent_and_nothing_else() -> None:
    vain = Sample(
        "3", (), {"expression": "every crane"}, Target(masks=(empty((4, 4)),)), {"category": "none", "targets": "0"}
    )
    by_image = {"a": [sample("1", "ship", "1"), vain], "b": [sample("2", "quay", "2")]}
    (_, first), (_, second) = scenes(by_image, "segment", "pixels")
    assert (first.absent, second.absent) == (("every crane",), ())
    assert [fact.target for fact in first.facts] == ["every ship"]
