"""A recipe: the strict YAML that says everything a training run depends on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import ConfigurationError, nearest
from harness.located_yaml import Document, KeyPath, read
from harness.spec import explain


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Base(_Strict):
    """What training starts from: a checkpoint, or a ready-made size with fresh weights."""

    checkpoint: Path | None = Field(default=None, description="A GeoPix checkpoint folder, or geopix-mini.")
    memory: str | None = Field(
        default=None,
        description="A class memory with fresh weights, instead of the checkpoint's: intended, released_noop or none.",
    )
    fresh: list[str] = Field(
        default=[], description="Parts of the checkpoint, by module name, whose weights are drawn anew from the seed."
    )
    size: Literal["mini"] | None = Field(default=None, description="A ready-made size with fresh weights.")
    vocabulary: int = Field(default=1024, ge=266, description="Tokens of the tokenizer trained on the mixture's words.")
    memory_classes: list[str] = Field(default=[], description="Names of the memory's classes, as the data calls them.")


class Source(_Strict):
    """One data set of the mixture: a task of the harness, read in another split."""

    task: str = Field(description="The task whose reader, prompt and parser are used.")
    dataset: dict[str, Any] = Field(default={}, description="Keys of the task's data set to set otherwise.")
    weight: float = Field(default=1.0, gt=0, description="How often an image of this source is drawn, per image.")
    phrasings: list[str] = Field(
        default=[], description="Other ways to put the task's prompt, Jinja templates like it; half the questions."
    )


class Optimiser(_Strict):
    """AdamW with linear warm-up and cosine decay to zero."""

    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    warmup_share: float = Field(default=0.05, ge=0, lt=1, description="Share of the steps spent warming up.")
    clip: float = Field(default=1.0, gt=0, description="Largest norm of a gradient.")


class Tower(_Strict):
    """A first step for a vision tower with fresh weights: which class is where, and what it is called."""

    maps: str = Field(description="A split's folder in LoveDA's layout, below the data directory.")
    words: list[list[str]] = Field(
        min_length=2, description="The words for each class number of the maps, the first for 0, which is not known."
    )
    colours: dict[str, tuple[int, int, int]] = Field(
        default={}, description="Colour words that a patch is also turned towards, with their red, green and blue."
    )
    steps: int = Field(ge=1, description="Optimiser steps.")
    images_per_step: int = Field(default=32, ge=1, description="Images of one step.")
    optimiser: Optimiser = Optimiser()


class Losses(_Strict):
    """Weights of the loss components."""

    ce: float = 1.0
    bce: float = 2.0
    dice: float = 0.5
    class_: float = Field(default=0.1, alias="class")
    ce_over: Literal["tokens", "answers"] = Field(
        default="tokens", description="What counts the same in ce: each token, as in LLaVA, or each answer."
    )


class Recipe(_Strict):
    """Everything a training run depends on."""

    name: str
    purpose: str = Field(default="", description="What the run is for, and why its choices are what they are.")
    base: Base
    tower: Tower | None = Field(default=None, description="A first step that teaches the vision tower alone.")
    data: list[Source] = Field(min_length=1)
    frozen: list[str] = Field(
        default=[], description="Parts of the model, by module name, that keep their weights after the tower's step."
    )
    thaw: float = Field(
        default=1.0, ge=0, le=1, description="Share of the steps after which the frozen parts learn with the others."
    )
    losses: Losses = Losses()
    optimiser: Optimiser = Optimiser()
    steps: int = Field(ge=0, description="Optimiser steps; 0 stops behind the tower's.")
    images_per_step: int = Field(default=16, ge=1, description="Images of one step.")
    questions_per_image: int = Field(default=8, ge=1, description="Questions packed behind one image.")
    pairs: float = Field(default=0.0, ge=0, le=1, description="Share of segmentation questions that name two targets.")
    precision: Literal["float32", "bfloat16"] = "float32"
    blank_images: bool = Field(default=False, description="Hides every image: the text-only ablation.")
    seed: int = 0
    log_every: int = Field(default=50, ge=1)
    save_every: int = Field(default=500, ge=1)


def shipped_recipes() -> dict[str, Path]:
    """Returns the recipes that come with the package, by name."""
    folder = Path(__file__).parent / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Returns a recipe by its name or path, with values set otherwise.

    Args:
        name: a shipped recipe, or the path of a YAML file.
        overrides: `key=value` with dotted keys, `optimiser.learning_rate=3e-4` for example; values are YAML.

    Raises:
        ConfigurationError: no such recipe, or mistakes in it or in the overrides; all of them.
    """
    shipped = shipped_recipes()
    path = shipped.get(name, Path(name))
    try:
        document = read(path)
    except OSError as error:
        raise ConfigurationError(
            f"unknown recipe {name!r}: no file of this name, and no shipped recipe.{nearest(name, shipped)} "
            f"Shipped: {', '.join(shipped)}."
        ) from error
    data = document.data
    for override in overrides:
        data = _override(data, override)
    problems = [str(problem) for problem in document.problems]
    try:
        if not problems:
            return Recipe.model_validate(data)
    except ValidationError as error:
        problems = [_words(document, detail) for detail in error.errors()]
    raise ConfigurationError("\n".join(problems))


def _words(document: Document, detail: Mapping[str, Any]) -> str:
    path: KeyPath = tuple(detail["loc"])
    return str(document.problem(path, explain(detail, _known_keys(path))))


def _known_keys(path: KeyPath) -> list[str]:
    parts: dict[str, type[BaseModel]] = {
        "base": Base, "tower": Tower, "data": Source, "losses": Losses, "optimiser": Optimiser,
    }  # fmt: skip
    kind = Recipe if len(path) == 1 else parts.get(str(path[0]), Recipe)
    return [field.alias or name for name, field in kind.model_fields.items()]


def _override(data: dict[str, Any], text: str) -> dict[str, Any]:
    keys, sign, value = text.partition("=")
    if not sign:
        raise ConfigurationError(f"expected key=value, found {text!r}; for example optimiser.learning_rate=3e-4.")
    changed: dict[str, Any] = _changed(data, keys.split("."), yaml.safe_load(value), text)
    return changed


def _changed(container: Any, keys: Sequence[str], value: Any, text: str) -> Any:
    """Returns a mapping or list with one value inside it set otherwise; lists count from 0."""
    if not keys:
        return value
    key, *inner = keys
    if isinstance(container, list):
        if not key.isdecimal() or int(key) >= len(container):
            raise ConfigurationError(f"{text!r}: {key!r} is no place in a list of {len(container)}; count from 0.")
        place = int(key)
        return [*container[:place], _changed(container[place], inner, value, text), *container[place + 1 :]]
    mapping = container if isinstance(container, dict) else {}
    return {**mapping, key: _changed(mapping.get(key), inner, value, text)}
