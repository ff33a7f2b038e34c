"""Questions in RSVQA-HR's types and wording.

A claim is a question without its wording: a key such as ``presence|red building`` and the answer in one scene. Each
claim is asked with a probability inverse to how common its answer is among the scenes (`priors.json`, measured by
`geopix.earth.priors`), so given the words alone yes and no are equally likely, and a zero is no more than a quarter
of the counts.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import permutations

import numpy as np

from geopix.earth import facts, phrases
from geopix.earth.palette import COLORS
from geopix.earth.scene import Instance, Scene
from geopix.earth.things import CATEGORIES, LENGTHS

ZERO_SHARE = 0.25  # of the count and area questions of one wording


@dataclass(frozen=True)
class Question:
    """A question, its RSVQA type (presence, comp, count or area) and its answer."""

    type: str
    text: str
    answer: str


@dataclass(frozen=True)
class Claim:
    """A question before its wording: the group that shares an asking rate, the parts of its key, its answer."""

    group: str
    parts: tuple[str, ...]
    answer: str

    @property
    def key(self) -> str:
        """The name under which the claim's prior is kept."""
        return "|".join((self.group, *self.parts))

    @property
    def positive(self) -> bool:
        """Whether the answer is yes, or more than nothing."""
        return self.answer not in ("no", "0", "0m2")


@dataclass(frozen=True)
class Priors:
    """How often each claim is positive, and how often a group's claims are asked."""

    positive: dict[str, float]
    rates: dict[str, float]

    def chance(self, claim: Claim) -> float:
        """Returns the probability with which a claim is asked."""
        share = self.positive.get(claim.key)
        if share is None:
            return 0.0
        return min(1.0, self.rates[claim.group] * balance(claim, share))

    def asking(self, rates: Mapping[str, float]) -> "Priors":
        """Returns the same shares with other rates for some groups."""
        return Priors(self.positive, {**self.rates, **rates})


@cache
def shipped_priors() -> Priors:
    """Returns the measured priors that travel with the package."""
    table = json.loads(files("geopix.earth").joinpath("priors.json").read_text("utf-8"))
    return Priors(table["positive"], table["rates"])


def balance(claim: Claim, share: float) -> float:
    """Returns the weight from 0 to 1 that evens out a claim's answers, given its share of positive ones.

    >>> balance(Claim("presence", ("ship",), "no"), 0.2), balance(Claim("presence", ("ship",), "yes"), 0.2)
    (0.25, 1.0)
    """
    own = share if claim.positive else 1 - share
    if claim.group in ("count", "area"):
        odds = ZERO_SHARE / (1 - ZERO_SHARE)
        return 1.0 if claim.positive else min(1.0, odds * share / own)
    return min(share, 1 - share) / own


def questions(scene: Scene, rng: np.random.Generator, priors: Priors | None = None) -> list[Question]:
    """Draws about ten questions: 4 presence (one with an attribute), 3 comp, 2 count, 1 area on average.

    Args:
        scene: What to ask about.
        rng: Draws which claims are asked, and their wording.
        priors: Shares of positive answers; the package's own when None.

    Returns:
        Questions whose answers follow from the scene beyond doubt, in a fixed order of types.
    """
    table = priors or shipped_priors()
    asked = [claim for claim in claims(scene) if rng.random() < table.chance(claim)]
    return [Question(_TYPES[claim.group], wording(claim, rng), claim.answer) for claim in asked]


_TYPES = {"presence": "presence", "attribute": "presence", "comp": "comp", "count": "count", "area": "area"}


def claims(scene: Scene) -> Iterator[Claim]:
    """Yields every claim that the scene settles, in a fixed order."""
    yield from _presence(scene)
    yield from _attributes(scene)
    yield from _neighbours(scene)
    yield from _comparisons(scene)
    yield from _counts(scene)
    yield from _areas(scene)


def _verdict(group: str, parts: tuple[str, ...], verdict: bool | None) -> Iterator[Claim]:
    if verdict is not None:
        yield Claim(group, parts, "yes" if verdict else "no")


def _presence(scene: Scene) -> Iterator[Claim]:
    for category in CATEGORIES:
        yield from _verdict("presence", (category,), facts.present(scene, category))
    for cover, words in phrases.COVER_WORDS.items():
        yield from _verdict("presence", (words,), facts.covered(scene, cover))


def _attributes(scene: Scene) -> Iterator[Claim]:
    # Only where the category is there: the attribute itself has to be looked at.
    for category in CATEGORIES:
        members = [instance for instance in scene.instances if instance.category == category]
        if not members or category in scene.fragments:
            continue
        sizes = [word for word in LENGTHS[category] if word != "medium"]
        for word in sizes:
            yield from _verdict("attribute", (f"{word} {category}",), _sized(members, word))
        for color in sorted(set(COLORS[category])):
            verdict = any(member.color == color for member in members)
            yield from _verdict("attribute", (f"{color} {category}",), verdict)
        for position in ("left", "right", "top", "bottom"):
            verdicts = [facts.at_position(member, position) for member in members]
            yield from _verdict("attribute", (category, position), facts.any_of(verdicts))


def _sized(members: list[Instance], word: str) -> bool:
    return any(member.size_word == word for member in members)


def _neighbours(scene: Scene) -> Iterator[Claim]:
    for first, second in permutations(("building", "vehicle", "ship", "storage tank", "airplane"), 2):
        pairs = [
            (one, other)
            for one in scene.instances
            for other in scene.instances
            if one.category == first and other.category == second
        ]
        if pairs and not {first, second} & scene.fragments:
            verdict = facts.any_of([facts.next_to(one, other) for one, other in pairs])
            yield from _verdict("attribute", (first, "next to", second), verdict)


def _comparisons(scene: Scene) -> Iterator[Claim]:
    counts = {category: facts.count(scene, category) for category in CATEGORIES}
    for first, second in permutations(CATEGORIES, 2):
        one, other = counts[first], counts[second]
        if one is None or other is None:
            continue
        yield from _verdict("comp", ("more", first, second), one > other)
        yield from _verdict("comp", ("less", first, second), one < other)
        yield from _verdict("comp", ("equal", first, second), one == other)


def _counts(scene: Scene) -> Iterator[Claim]:
    for category in CATEGORIES:
        number = facts.count(scene, category)
        if number is not None:
            yield Claim("count", (category,), str(number))


def _areas(scene: Scene) -> Iterator[Claim]:
    for category in CATEGORIES:
        if category not in scene.fragments:
            metres = facts.square_metres(scene, facts.category_mask(scene, category))
            yield Claim("area", (category,), f"{metres}m2")
    for cover, words in phrases.COVER_WORDS.items():
        yield Claim("area", (words,), f"{facts.square_metres(scene, scene.covers[cover])}m2")


def wording(claim: Claim, rng: np.random.Generator) -> str:
    """Returns a claim as an English question; which of the templates does not depend on the answer."""
    first, parts = claim.parts[0], claim.parts
    if claim.group == "comp":
        return _pick(phrases.COMP[first], rng).format(first=phrases.plural(parts[1]), second=phrases.plural(parts[2]))
    if claim.group in ("count", "area"):
        table = phrases.COUNT if claim.group == "count" else phrases.AREA
        return _pick(table, rng).format(plural=phrases.plural(first))
    subject = {"a": phrases.article(first), "subject": first}
    if len(parts) == 3:
        return _pick(phrases.PRESENCE_NEXT_TO, rng).format(**subject, other=f"{phrases.article(parts[2])} {parts[2]}")
    if len(parts) == 2:
        return _pick(phrases.PRESENCE_AT, rng).format(**subject, position=phrases.POSITIONS[parts[1]])
    return _pick(phrases.PRESENCE, rng).format(**subject)


def _pick(templates: tuple[str, ...], rng: np.random.Generator) -> str:
    return templates[int(rng.integers(len(templates)))]
