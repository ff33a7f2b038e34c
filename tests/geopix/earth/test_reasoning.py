"""Questions that take a thought are true of what they mean, and of nothing else in the scene."""

import numpy as np

from geopix.earth import facts
from geopix.earth.reasoning import PLACES, PURPOSES, Reasoning, absent, reasonings
from geopix.earth.scene import Scene


def draws(scene: Scene, seeds: int) -> list[Reasoning]:
    return [found for seed in range(seeds) for found in reasonings(scene, np.random.default_rng(seed))]


def test_every_type_is_asked_and_at_most_once_a_draw(scenes: list[Scene]) -> None:
    seen = set()
    for scene in scenes:
        types = [question.type for question in reasonings(scene, np.random.default_rng(1))]
        assert len(types) == len(set(types))
        seen |= set(types)
    assert seen == {"Attribute", "Spatial", "Scene"}


def test_a_question_about_purposes_means_all_things_of_one_kind(scenes: list[Scene]) -> None:
    kinds = {question: category for category, (question, _) in PURPOSES.items()}
    checked = 0
    for scene in scenes:
        for found in draws(scene, 8):
            if found.type == "Scene":
                category = kinds[found.question]
                members = [at for at, each in enumerate(scene.instances) if each.category == category]
                assert list(found.instances) == members
                assert found.answer.count("[SEG]") == len(members) > 0
                checked += 1
    assert checked > 20


def test_other_questions_mean_one_thing_of_the_kind_they_name(scenes: list[Scene]) -> None:
    for scene in scenes:
        for found in draws(scene, 8):
            if found.type != "Scene":
                (index,) = found.instances
                target = scene.instances[index]
                assert target.category in found.question
                assert found.answer == f"It is this {target.category}: [SEG]."


def test_who_comes_from_a_side_meets_the_outermost_first(scenes: list[Scene]) -> None:
    sides = {"from the left": (0, 1), "from the right": (0, -1), "from above": (1, 1), "from below": (1, -1)}
    checked = 0
    for scene in scenes:
        for found in draws(scene, 20):
            side = next((way for words, way in sides.items() if f"picture {words}" in found.question), None)
            if side is None:
                continue
            axis, sign = side
            target = scene.instances[found.instances[0]]
            same = [each for each in scene.instances if each.category == target.category]
            assert min(same, key=lambda each: sign * each.centre[axis]) is target
            checked += 1
    assert checked
    assert len(PLACES) == len(sides)


def test_what_is_absent_is_surely_absent(scenes: list[Scene]) -> None:
    kinds = {question: category for category, (question, _) in PURPOSES.items()}
    for scene in scenes:
        for seed in range(10):
            found = absent(scene, np.random.default_rng(seed))
            if found:
                assert found.instances == ()
                assert facts.present(scene, kinds[found.question]) is False
