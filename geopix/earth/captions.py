"""Captions: true sentences about a scene, made of counts, covers, places, and what is not there."""

from collections.abc import Iterator, Sequence

import numpy as np

from geopix.earth import facts, phrases
from geopix.earth.scene import Instance, Scene
from geopix.earth.things import CATEGORIES

NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen",
)  # fmt: skip
COVERS = {
    "water": "water", "grass": "grass", "farmland": "farmland", "forest": "forest", "road": "a road",
    "parking": "a parking lot",
}  # fmt: skip


def captions(scene: Scene, rng: np.random.Generator, wanted: int = 5) -> tuple[str, ...]:
    """Returns so many different true sentences; what is absent is said only where there is too little to see.

    Args:
        scene: What to speak of.
        rng: Draws which of the true sentences, and their order.
        wanted: How many, at most seven.
    """
    seen = list(dict.fromkeys([*_counted(scene), *_covered(scene), *_placed(scene)]))
    chosen = [seen[place] for place in rng.permutation(len(seen))]
    return tuple([*chosen, *_absent(scene)][:wanted])


def description(scene: Scene, rng: np.random.Generator) -> str:
    """Returns a caption of several true sentences: what there is, on what ground, where some of it is."""
    placed = list(_placed(scene))
    where = [placed[place] for place in rng.permutation(len(placed))[:3]]
    counted = list(_counted(scene))[:1]
    return " ".join(
        ["This is an aerial image.", *counted, *list(_covered(scene))[:1], *where, *list(_absent(scene))[:1]]
    )


def _counted(scene: Scene) -> Iterator[str]:
    """Sentences that say how many there are."""
    things = [_number(number, category) for category, number in _counts(scene)]
    if things:
        yield f"There {_verb(scene)} {listed(things)} in the image."
        yield f"The image shows {listed(things)}."
    covers = _covers(scene)
    if things and covers:
        yield f"The image shows {listed(things)}, with {listed(covers)} around."
    for category, number in _counts(scene):
        seen = _number(number, category)
        yield f"{seen[0].upper()}{seen[1:]} can be seen from above."


def _verb(scene: Scene) -> str:
    """As the first thing in the list has it."""
    return "is" if next(number for _, number in _counts(scene)) == 1 else "are"


def _counts(scene: Scene) -> Iterator[tuple[str, int]]:
    for category in CATEGORIES:
        if number := facts.count(scene, category):
            yield category, number


def _covered(scene: Scene) -> Iterator[str]:
    """Sentences that say what the ground is."""
    if covers := _covers(scene):
        yield f"Part of the ground is {listed(covers)}."
        yield f"The aerial image shows {listed(covers)}."


def _covers(scene: Scene) -> list[str]:
    return [words for cover, words in COVERS.items() if facts.covered(scene, cover)]


def _placed(scene: Scene) -> Iterator[str]:
    """Sentences that say where one thing is; each is true of at least one thing."""
    for instance in scene.instances:
        for position, words in phrases.POSITIONS.items():
            if facts.at_position(instance, position):
                noun = _described(instance)
                yield f"{phrases.article(noun).capitalize()} {noun} is {words} of the image."


def _described(instance: Instance) -> str:
    size = "" if instance.size_word == "medium" else f"{instance.size_word} "
    return f"{size}{instance.color} {instance.category}"


def _absent(scene: Scene) -> Iterator[str]:
    """Sentences that say what is not there."""
    for category in CATEGORIES:
        if facts.present(scene, category) is False:
            yield f"There is no {category} in the image."


def _number(number: int, category: str) -> str:
    if number == 1:
        return f"{phrases.article(category)} {category}"
    return f"{NUMBERS[number]} {phrases.plural(category)}"


def listed(parts: Sequence[str]) -> str:
    """Returns a list in words.

    >>> listed(["a ship"]), listed(["water", "grass", "a road"])
    ('a ship', 'water, grass and a road')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
