"""Questions whose answer is a mask and takes a thought: about attributes, about places, about what things are for."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geopix.earth import facts
from geopix.earth.phrases import POSITIONS, plural
from geopix.earth.references import Description, descriptions
from geopix.earth.scene import Scene

#: What each category is for, in somebody's words: a question, and the thought between it and the category.
PURPOSES: dict[str, tuple[str, str]] = {
    "building": ("Where could people keep dry when it rains?", "A roof keeps the rain off"),
    "ship": ("What here could tie up at a quay?", "What ties up at a quay is a boat"),
    "airplane": ("What here could be in another country in two hours?", "That takes wings"),
    "storage tank": ("Where would fuel be kept for months?", "Fuel is kept in round tanks"),
    "vehicle": ("What here needs a driver and a road?", "What is driven on roads are cars and trucks"),
    "tennis court": ("Where could two people play with rackets?", "Rackets are for tennis"),
    "basketball court": ("Where could a team shoot at hoops?", "Hoops are for basketball"),
}
PLACES = {
    "leftmost": "Someone comes into the picture from the left. Which {noun} would be passed first?",
    "rightmost": "Someone comes into the picture from the right. Which {noun} would be passed first?",
    "topmost": "Someone comes into the picture from above. Which {noun} would be passed first?",
    "bottommost": "Someone comes into the picture from below. Which {noun} would be passed first?",
}
NEAREST = "Which {noun} has the shortest way to the {other}?"
AT = "A parcel is for the {noun} {position} of the image. Where does it go?"
COLOURED = "A witness remembers nothing of a {noun} but that it was {color}. Which one is meant?"
SIZED = "Which {noun} is of another size, {size} for its kind?"


@dataclass(frozen=True)
class Reasoning:
    """A question, and what it means.

    Attributes:
        type: Attribute, Spatial or Scene.
        question: In words.
        thought: What leads to the answer.
        answer: The answer in words.
        instances: Which of the scene's instances are meant; none where the scene has nothing of the kind.
    """

    type: str
    question: str
    thought: str
    answer: str
    instances: tuple[int, ...]


def reasonings(scene: Scene, rng: np.random.Generator) -> list[Reasoning]:
    """Draws at most one question of each type whose answer the scene settles.

    Args:
        scene: What to ask about.
        rng: Draws which of the possible questions are asked.
    """
    single = [
        (index, description) for index in range(len(scene.instances)) for description in descriptions(scene, index)
    ]
    found = [
        _drawn([each for index, description in single for each in _attribute(index, description)], rng),
        _drawn([each for index, description in single for each in _spatial(index, description)], rng),
        _drawn(list(_purposes(scene, present=True)), rng),
    ]
    return [reasoning for reasoning in found if reasoning]


def absent(scene: Scene, rng: np.random.Generator) -> Reasoning | None:
    """Draws a question for something that is surely not in the scene; None where everything may be."""
    return _drawn(list(_purposes(scene, present=False)), rng)


def _drawn(options: list[Reasoning], rng: np.random.Generator) -> Reasoning | None:
    return options[int(rng.integers(len(options)))] if options else None


def _attribute(index: int, description: Description) -> Iterator[Reasoning]:
    noun = description.category
    if description.form == "color":
        question = COLOURED.format(noun=noun, color=description.color)
        yield _one("Attribute", question, f"Only one {noun} is {description.color}", noun, index)
    if description.form == "size":
        question = SIZED.format(noun=noun, size=description.size_word)
        yield _one("Attribute", question, f"Only one {noun} is {description.size_word}", noun, index)


def _spatial(index: int, description: Description) -> Iterator[Reasoning]:
    noun = description.category
    if description.extreme:
        question = PLACES[description.extreme].format(noun=noun)
        yield _one("Spatial", question, f"That is the {description.extreme} {noun}", noun, index)
    elif description.nearest_to:
        question = NEAREST.format(noun=noun, other=description.nearest_to)
        yield _one("Spatial", question, f"One {noun} is nearer than the others", noun, index)
    elif description.form == "position" and description.position:
        where = POSITIONS[description.position]
        yield _one("Spatial", AT.format(noun=noun, position=where), f"One {noun} is {where}", noun, index)


def _one(kind: str, question: str, thought: str, noun: str, index: int) -> Reasoning:
    return Reasoning(kind, question, f"{thought}.", f"It is this {noun}: [SEG].", (index,))


def _purposes(scene: Scene, *, present: bool) -> Iterator[Reasoning]:
    for category, (question, thought) in PURPOSES.items():
        number = facts.count(scene, category)
        if number is None or (number > 0) != present:
            continue
        members = tuple(index for index, each in enumerate(scene.instances) if each.category == category)
        marks = " and ".join(["[SEG]"] * number)
        answer = f"The {plural(category) if number > 1 else category}: {marks}." if number else ""
        yield Reasoning("Scene", question, f"{thought}.", answer, members)
