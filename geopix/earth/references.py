"""Referring expressions, each true of exactly one instance, and clearly untrue of all others."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geopix.earth import facts, phrases
from geopix.earth.scene import Instance, Scene

MOST = 4
EXTREMES = {"leftmost": (0, 1), "rightmost": (0, -1), "topmost": (1, 1), "bottommost": (1, -1)}
EXTREME_MARGIN = 0.1  # of the picture: by how much the extreme one leads the next
NEAREST_RATIO = 0.6  # how much nearer the nearest is than the next
# Categories in most scenes wait for the rarer ones, so that the references even out.
COMMON = {"vehicle": 3.0, "building": 2.0}
# How often each form is chosen where several are possible.
WEIGHTS = {
    "plain": 2.0, "color": 3.0, "size": 2.0, "position": 4.0, "color position": 2.0, "size position": 1.0,
    "extreme": 1.0, "nearest": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """An expression, the index into `Scene.instances` it names, and that instance's category."""

    expression: str
    instance: int
    category: str


@dataclass(frozen=True)
class Description:
    """An expression before its wording; every part that is not None must hold."""

    form: str
    category: str
    color: str | None = None
    size_word: str | None = None
    position: str | None = None
    extreme: str | None = None
    nearest_to: str | None = None


def references(scene: Scene, rng: np.random.Generator) -> list[Reference]:
    """Draws one to four unambiguous expressions, each for another instance; none if nothing can be named surely.

    Args:
        scene: What to speak of.
        rng: Draws the instances, the forms and the wording; rarer categories come first.

    Returns:
        References in the order of the instances.
    """
    wanted = int(rng.integers(1, MOST + 1))
    order = sorted(range(len(scene.instances)), key=lambda index: _crowd(scene, index) * rng.uniform(0.3, 1.0))
    found: list[Reference] = []
    for index in order:
        options = list(descriptions(scene, index))
        if not options:
            continue
        found.append(_worded(scene, index, options[_choice(options, rng)], rng))
        if len(found) == wanted:
            break
    return sorted(found, key=lambda reference: reference.instance)


def many_references(scene: Scene, rng: np.random.Generator, expressions: int) -> list[Reference]:
    """Draws up to so many unambiguous expressions for every instance that can be named surely; for training.

    Args:
        scene: What to speak of.
        rng: Draws the forms and the wording.
        expressions: The most for one instance; each says something else of it.

    Returns:
        References in the order of the instances.
    """
    found: list[Reference] = []
    for index in range(len(scene.instances)):
        options = list(descriptions(scene, index))
        drawn = [options.pop(_choice(options, rng)) for _ in range(min(expressions, len(options)))]
        found.extend(_worded(scene, index, description, rng) for description in drawn)
    return found


def _choice(options: list[Description], rng: np.random.Generator) -> int:
    weights = np.array([WEIGHTS[option.form] for option in options])
    return int(rng.choice(len(options), p=weights / weights.sum()))


def _worded(scene: Scene, index: int, description: Description, rng: np.random.Generator) -> Reference:
    return Reference(wording(description, scene.instances[index], rng), index, description.category)


def _crowd(scene: Scene, index: int) -> float:
    category = scene.instances[index].category
    return COMMON.get(category, 1.0) * sum(other.category == category for other in scene.instances)


def descriptions(scene: Scene, index: int) -> Iterator[Description]:
    """Yields every description that names instance `index` and no other."""
    target = scene.instances[index]
    if target.category in scene.fragments:
        return
    for candidate in _candidates(target):
        if names_only(scene, candidate, index):
            yield candidate
    yield from _relative(scene, index)


def _candidates(target: Instance) -> Iterator[Description]:
    category, color, size_word = target.category, target.color, target.size_word
    sized = size_word != "medium"
    yield Description("plain", category)
    yield Description("color", category, color=color)
    if sized:
        yield Description("size", category, size_word=size_word)
    for position in phrases.POSITIONS:
        if facts.at_position(target, position):
            yield Description("position", category, position=position)
            yield Description("color position", category, color=color, position=position)
            if sized:
                yield Description("size position", category, size_word=size_word, position=position)


def names_only(scene: Scene, description: Description, index: int) -> bool:
    """Returns whether a description (without relations) holds for `index` and clearly for nobody else."""
    verdicts = [holds(description, instance) for instance in scene.instances]
    return verdicts[index] is True and all(verdict is False for other, verdict in enumerate(verdicts) if other != index)


def holds(description: Description, instance: Instance) -> bool | None:
    """Returns whether a description's own attributes hold for an instance, None when it is a matter of taste."""
    if description.category != instance.category:
        return False
    if description.color is not None and description.color != instance.color:
        return False
    if description.size_word is not None and description.size_word != instance.size_word:
        return False
    return True if description.position is None else facts.at_position(instance, description.position)


def _relative(scene: Scene, index: int) -> Iterator[Description]:
    target = scene.instances[index]
    rivals = [
        other for number, other in enumerate(scene.instances) if number != index and other.category == target.category
    ]
    if not rivals:
        return
    for word, (axis, sign) in EXTREMES.items():
        lead = min(sign * (rival.centre[axis] - target.centre[axis]) for rival in rivals)
        if lead >= EXTREME_MARGIN:
            yield Description("extreme", target.category, extreme=word)
    for category in sorted({other.category for other in scene.instances} - {target.category} - scene.fragments):
        landmarks = [other for other in scene.instances if other.category == category]
        if len(landmarks) == 1 and _nearest(target, rivals, landmarks[0]):
            yield Description("nearest", target.category, nearest_to=category)


def _nearest(target: Instance, rivals: list[Instance], landmark: Instance) -> bool:
    own = facts.gap(target, landmark)
    return own < NEAREST_RATIO * min(facts.gap(rival, landmark) for rival in rivals) and own < 0.3


def wording(description: Description, target: Instance, rng: np.random.Generator) -> str:
    """Returns a description in words; the noun may be a synonym that fits the target."""
    nouns = phrases.SYNONYMS.get(description.category, (description.category,))
    noun = nouns[int(rng.integers(len(nouns)))]
    if noun == "car" and target.size_word == "large":
        noun = "vehicle"  # a bus or a truck is no car
    described = " ".join(word for word in (description.size_word, description.color, noun) if word)
    table: tuple[str, ...]
    if description.extreme:
        table = phrases.REFER_EXTREME
    elif description.nearest_to:
        table = phrases.REFER_NEAREST
    else:
        table = phrases.REFER_AT if description.position else phrases.REFER
    template = table[int(rng.integers(len(table)))]
    return template.format(
        noun=described,
        position=phrases.POSITIONS.get(description.position or "", ""),
        extreme=description.extreme,
        other=description.nearest_to,
    )
