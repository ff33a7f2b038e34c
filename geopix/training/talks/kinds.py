"""The kinds of talk: each turns what is known of an image into questions and answers, in the words of its templates.

A kind is a mapping of a templates file. All words are Jinja templates over the sample's own fields and `target`, what
the question is about; `category`; `seg`, the places of the masks ("<SEG> and <SEG>"); `box`, the boxes; and what a kind
adds.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import AfterValidator, Field

from geopix.processing import SEG
from geopix.training.schema import Strict
from geopix.training.talks.scene import Fact, Scene
from geopix.training.turns import Turn
from harness.errors import ConfigurationError
from harness.masks import union
from harness.prompts import PromptTemplate, template_error
from harness.records import Mask

Chance = np.random.Generator
QUESTIONS = ("vqa", "choose")


def _template(source: str) -> str:
    if problem := template_error(source):
        raise ValueError(problem)
    return source


Words = Annotated[list[Annotated[str, AfterValidator(_template)]], Field(min_length=1)]


class Talk(Protocol):
    """One way to talk of an image."""

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields questions and answers about an image; none where it knows nothing of the kind.

        Raises:
            ConfigurationError: a template names a field that is not there, or not as many masks as there are.
        """


class Phrased(Strict):
    """What all kinds have: words, and how often they are used."""

    questions: Words = Field(description="Ways to put the question.")
    answers: Words = Field(description="Ways to put the answer.")
    share: float = Field(default=1.0, gt=0, le=1, description="The chance that what can be asked is asked.")

    def _turn(
        self,
        capability: str,
        fields: Mapping[str, str],
        chance: Chance,
        about: Sequence[Fact],
        masks: Sequence[tuple[Mask, str]] = (),
    ) -> Turn:
        """A question and an answer in words that chance draws, the other questions as its phrasings."""
        asked = int(chance.integers(len(self.questions)))
        questions = [_rendered(source, fields) for source in self.questions]
        answer = _rendered(self.answers[int(chance.integers(len(self.answers)))], fields)
        if answer.count(SEG) != len(masks):
            raise ConfigurationError(
                f"the answer {answer!r} has {answer.count(SEG)} places {SEG} for {len(masks)} masks; write "
                "`{{ seg }}` where the masks belong."
            )
        return Turn(
            capability=capability,
            question=questions[asked],
            answer=answer,
            masks=tuple(mask for mask, _ in masks),
            classes=tuple(category for _, category in masks),
            phrasings=tuple(text for place, text in enumerate(questions) if place != asked),
            id="+".join(fact.id for fact in about),
        )

    def _chosen(self, facts: Iterator[Fact], chance: Chance) -> Iterator[Fact]:
        return (fact for fact in facts if chance.random() < self.share)


def _rendered(source: str, fields: Mapping[str, str]) -> str:
    return _compiled(source).render(fields).strip()


@lru_cache(maxsize=1024)
def _compiled(source: str) -> PromptTemplate:
    """A template, compiled once and not for each sample."""
    return PromptTemplate(source)


class Segment(Phrased):
    """Asks for the masks of one target."""

    kind: Literal["segment"]
    united: bool = Field(default=False, description="Whether all masks of a target are taught as one.")
    most: int = Field(default=8, ge=1, description="Targets of more masks than this are left out.")

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields a question for each target with masks."""
        for fact in self._chosen((fact for fact in scene.facts if fact.masks), chance):
            masks = (union(fact.masks),) if self.united else fact.masks
            if len(masks) <= self.most:
                fields = _fields(fact) | {"seg": listed([SEG] * len(masks))}
                yield self._turn("segment", fields, chance, [fact], [(mask, fact.category) for mask in masks])


class Several(Phrased):
    """Asks for several targets at once. Adds `targets`, their names joined, and `named`, each with its place."""

    kind: Literal["several"]
    most: int = Field(default=3, ge=2, description="The most targets of one question.")
    count: int = Field(default=1, ge=1, description="How many such questions an image gets.")

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields questions for two targets and more, of one mask each."""
        single = [fact for fact in scene.facts if len(fact.masks) == 1 and fact.target]
        different = list({(fact.masks, fact.target): fact for fact in single}.values())
        for _ in range(self.count if len({fact.masks for fact in different}) > 1 else 0):
            if chance.random() < self.share and len(chosen := self._drawn(different, chance)) > 1:
                yield self._about(chosen, chance)

    def _drawn(self, facts: Sequence[Fact], chance: Chance) -> list[Fact]:
        wanted = int(chance.integers(2, self.most + 1))
        found: dict[tuple[Mask, ...], Fact] = {}
        for place in chance.permutation(len(facts)):
            found.setdefault(facts[place].masks, facts[place])
        distinct = {fact.target: fact for fact in found.values()}
        return list(distinct.values())[:wanted]

    def _about(self, facts: Sequence[Fact], chance: Chance) -> Turn:
        fields = {
            "targets": listed([fact.target for fact in facts]),
            "named": listed([f"{fact.target} {SEG}" for fact in facts]),
            "seg": listed([SEG] * len(facts)),
        }
        return self._turn("segment", fields, chance, facts, [(fact.masks[0], fact.category) for fact in facts])


class Absent(Phrased):
    """Asks for a category that is not in the image; the answer has no mask.

    Right where a data set names every object of its categories.
    """

    kind: Literal["absent"]
    count: int = Field(default=1, ge=1, description="How many such questions an image gets.")

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields questions for categories that are not there."""
        for place in chance.permutation(len(scene.absent))[: self.count]:
            if chance.random() < self.share:
                name = scene.absent[place]
                yield self._turn("segment", {"category": name, "target": name}, chance, [])


class PartlyAbsent(Phrased):
    """Asks for a target and for a category that is not there, `absent`; the answer has the target's mask alone."""

    kind: Literal["partly_absent"]

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields one question, where there are a target of one mask and an absent category."""
        single = [fact for fact in scene.facts if len(fact.masks) == 1 and fact.target]
        if single and scene.absent and chance.random() < self.share:
            fact = single[int(chance.integers(len(single)))]
            fields = _fields(fact) | {"seg": SEG, "absent": scene.absent[int(chance.integers(len(scene.absent)))]}
            yield self._turn("segment", fields, chance, [fact], [(fact.masks[0], fact.category)])


class Locate(Phrased):
    """Asks where a target is; the answer has its boxes."""

    kind: Literal["locate"]
    most: int = Field(default=8, ge=1, description="Targets of more boxes than this are left out.")

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields a question for each target with boxes."""
        for fact in self._chosen((fact for fact in scene.facts if 0 < len(fact.boxes) <= self.most), chance):
            yield self._turn("refer", _fields(fact), chance, [fact])


class Describe(Phrased):
    """Asks what is in a box; the answer is the target's name or description."""

    kind: Literal["describe"]

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields a question for each target with one box and a name."""
        for fact in self._chosen((fact for fact in scene.facts if len(fact.boxes) == 1 and fact.target), chance):
            yield self._turn("caption", _fields(fact), chance, [fact])


class Caption(Phrased):
    """Asks for a description of the image. Adds `caption`; an image with several gets a question for each."""

    kind: Literal["caption"]

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields a question for each caption."""
        whole = (fact for fact in scene.facts if fact.capability == "caption" and not fact.masks and not fact.boxes)
        for fact in self._chosen(whole, chance):
            for text in fact.texts:
                yield self._turn("caption", _fields(fact) | {"caption": text}, chance, [fact])


class Ask(Phrased):
    """Asks what the data set asks. Adds `answer`, the first right one."""

    kind: Literal["ask"]

    def turns(self, scene: Scene, chance: Chance) -> Iterator[Turn]:
        """Yields a question for each that the data set has."""
        asked = (
            fact for fact in scene.facts if fact.capability in QUESTIONS and "question" in fact.fields and fact.texts
        )
        for fact in self._chosen(asked, chance):
            yield self._turn("vqa", _fields(fact) | {"answer": fact.texts[0]}, chance, [fact])


def _fields(fact: Fact) -> dict[str, str]:
    known = {"target": fact.target, "category": fact.category, "box": " ".join(fact.boxes)}
    return {**fact.fields, **{name: text for name, text in known.items() if text}}


def listed(names: Sequence[str]) -> str:
    """Returns names as people list them.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
