"""Files of templates: found, and checked with all mistakes at once."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
from pydantic import Field, ValidationError

from geopix.training.schema import Strict
from geopix.training.talks.kinds import (
    Absent,
    Ask,
    Caption,
    Describe,
    Locate,
    PartlyAbsent,
    Segment,
    Several,
    Talk,
)
from geopix.training.talks.scene import Scene
from geopix.training.turns import Turn
from harness.errors import ConfigurationError, nearest
from harness.located_yaml import Document, Place, read
from harness.spec import explain

AnyTalk = Segment | Several | Absent | PartlyAbsent | Locate | Describe | Caption | Ask
KINDS: Mapping[str, type[Strict]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(AnyTalk)
}


class TemplatesFile(Strict):
    """A file of templates."""

    purpose: str = Field(default="", description="What the templates are for.")
    talks: list[Annotated[AnyTalk, Field(discriminator="kind")]] = Field(
        min_length=1, description="What is asked of an image; each kind asks what it can."
    )


@dataclass(frozen=True)
class Talks:
    """What is talked about of each image of a data set.

    Attributes:
        talks: the ways to talk, each with the place where it is written.
        seed: decides, with the data set's name and the image, what is said.
    """

    talks: tuple[tuple[Place, Talk], ...]
    seed: int = 0

    def turns(self, data_set: str, image_id: str, scene: Scene) -> Iterator[Turn]:
        """Yields all questions and answers about an image; the same for the same seed, names and scene.

        Raises:
            ConfigurationError: a template does not fit what is known of the image; says which.
        """
        name = hashlib.sha256(f"{data_set}\0{image_id}".encode()).digest()
        for number, (place, talk) in enumerate(self.talks):
            chance = np.random.default_rng((self.seed, int.from_bytes(name[:8]), number))
            try:
                yield from talk.turns(scene, chance)
            except ConfigurationError as error:
                raise ConfigurationError(f"{place.file}:{place.line}: {error}") from error


def shipped_templates() -> dict[str, Path]:
    """Returns the files of templates that come with the package, by name."""
    folder = Path(__file__).parents[1] / "templates"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_talks(names: Sequence[str], seed: int = 0) -> Talks:
    """Returns the talks of some files of templates, one file behind the other.

    Args:
        names: shipped names, or paths of YAML files.
        seed: decides what is said.

    Raises:
        ConfigurationError: there is no such file, or it has mistakes; all of them.
    """
    found: list[tuple[Place, Talk]] = []
    problems: list[str] = []
    for name in names:
        try:
            found.extend(_load(name))
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Talks(tuple(found), seed)


def _load(name: str) -> Iterator[tuple[Place, Talk]]:
    shipped = shipped_templates()
    try:
        document = read(shipped.get(name, Path(name)))
    except OSError as error:
        raise ConfigurationError(
            f"unknown templates {name!r}: no file of this name, and none that is shipped.{nearest(name, shipped)} "
            f"Shipped: {', '.join(shipped)}."
        ) from error
    problems = [str(problem) for problem in document.problems]
    if not problems:
        try:
            file = TemplatesFile.model_validate(document.data)
        except ValidationError as error:
            problems = [_words(document, detail) for detail in error.errors()]
    if problems:
        raise ConfigurationError("\n".join(problems))
    for number, talk in enumerate(file.talks):
        yield document.place(("talks", number)), talk


def _words(document: Document, detail: Mapping[str, Any]) -> str:
    """A mistake with its line; pydantic names a talk's kind as if it were a key around its others."""
    loc = tuple(detail["loc"])
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kind = detail["ctx"].get("tag")
        found = f"unknown kind {kind!r}.{nearest(kind, KINDS)}" if kind else "'kind' is missing."
        return str(document.problem((*loc, "kind"), f"{found} Known: {', '.join(KINDS)}."))
    model = KINDS[loc[2]] if len(loc) > 3 else TemplatesFile
    path = (*loc[:2], *loc[3:]) if len(loc) > 3 else loc
    return str(document.problem(path, explain(detail, list(model.model_fields))))
