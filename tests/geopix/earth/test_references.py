"""References: each expression, read again by other code, is true of one instance and clearly untrue of the others."""

from dataclasses import replace

import numpy as np

from geopix.earth import phrases
from geopix.earth.references import descriptions, many_references, references
from geopix.earth.scene import Instance, Scene

NOUNS = {
    "ship": "ship", "vessel": "ship", "boat": "ship", "airplane": "airplane", "plane": "airplane", "car": "vehicle",
    "vehicle": "vehicle", "storage tank": "storage tank", "building": "building", "tennis court": "tennis court",
    "basketball court": "basketball court",
}  # fmt: skip
COLORS = ("white", "gray", "black", "red", "blue", "green", "brown")
HALVES = {"left": (0, -1), "right": (0, 1), "top": (1, -1), "upper": (1, -1), "bottom": (1, 1), "lower": (1, 1)}


def read(expression: str, scene: Scene) -> list[int]:
    """Returns the instances an expression may mean, with a generous reading of positions."""
    words = expression.removesuffix(" in the image").removesuffix(" of the image").removeprefix("the ")
    for joint in (" nearest to the ", " closest to the "):
        if joint in words:
            head, other = words.split(joint)
            landmark = next(one for one in scene.instances if one.category == other)
            return [min(matching(head, scene), key=lambda index: distance(scene.instances[index], landmark))]
    for number, extreme in enumerate(("leftmost ", "rightmost ", "topmost ", "bottommost ")):
        if words.startswith(extreme):
            axis, sign = number // 2, (1, -1)[number % 2]
            return [
                min(
                    matching(words.removeprefix(extreme), scene),
                    key=lambda index: sign * scene.instances[index].centre[axis],
                )
            ]
    for preposition in (" on the ", " at the ", " in the "):
        if preposition in words:
            head, place = words.split(preposition)
            return [index for index in matching(head, scene) if lies(scene.instances[index], place)]
    return matching(words, scene)


def matching(head: str, scene: Scene) -> list[int]:
    noun = max((noun for noun in NOUNS if head == noun or head.endswith(" " + noun)), key=len)
    adjectives = head.removesuffix(noun).split()
    return [
        index
        for index, one in enumerate(scene.instances)
        if one.category == NOUNS[noun]
        and all(word == (one.color if word in COLORS else one.size_word) for word in adjectives)
    ]


def lies(one: Instance, place: str) -> bool:
    if place == "center":
        return max(abs(at - 0.5) for at in one.centre) < 0.2
    return all(side * (one.centre[axis] - 0.5) > -0.03 for axis, side in (HALVES[word] for word in place.split()))


def distance(one: Instance, other: Instance) -> float:
    steps = np.argwhere(one.mask)[::2, None] - np.argwhere(other.mask)[None, ::2]
    return float(np.linalg.norm(steps, axis=-1).min())


def test_every_expression_names_one_instance(scenes: list[Scene]) -> None:
    seen: set[str] = set()
    for scene in scenes:
        for seed in range(25):
            for reference in references(scene, np.random.default_rng(seed)):
                if reference.expression not in seen:
                    assert read(reference.expression, scene) == [reference.instance], reference.expression
                assert scene.instances[reference.instance].category == reference.category
        seen.clear()


def test_one_to_four_references_for_different_instances(scenes: list[Scene]) -> None:
    for scene in scenes:
        counts = set()
        for seed in range(25):
            found = references(scene, np.random.default_rng(seed))
            assert len({reference.instance for reference in found}) == len(found)
            counts.add(len(found))
        assert max(counts) <= 4
        assert min(counts) >= 1


def test_twins_in_one_place_cannot_be_named(scenes: list[Scene]) -> None:
    scene = scenes[0]
    twins = replace(scene, instances=(scene.instances[0], scene.instances[0]))
    assert list(descriptions(twins, 0)) == []
    assert references(twins, np.random.default_rng(0)) == []


def test_nobody_is_named_where_a_fragment_could_be_meant(scenes: list[Scene]) -> None:
    scene = scenes[0]
    index, category = 0, scene.instances[0].category
    assert list(descriptions(scene, index))
    assert list(descriptions(replace(scene, fragments=frozenset({category})), index)) == []


def test_a_bus_is_no_car(scenes: list[Scene]) -> None:
    for scene in scenes:
        for seed in range(40):
            for reference in references(scene, np.random.default_rng(seed)):
                size_word = scene.instances[reference.instance].size_word
                assert not ("car" in reference.expression.split() and size_word == "large")


def test_an_instance_of_which_more_is_said_has_something_else_said_each_time(scenes: list[Scene]) -> None:
    nouns = {noun: category for category, names in phrases.SYNONYMS.items() for noun in names}
    told = 0
    for scene in scenes:
        said: dict[int, list[str]] = {}
        for reference in many_references(scene, np.random.default_rng(0), expressions=50):
            words = reference.expression.removesuffix(" in the image").removesuffix(" of the image")
            plain = " ".join(nouns.get(word, word) for word in words.replace("closest", "nearest").split())
            said.setdefault(reference.instance, []).append(plain)
        for index, expressions in said.items():
            assert len(set(expressions)) == len(expressions) == len(list(descriptions(scene, index)))
            told += len(expressions) > 1
    assert told > 10
