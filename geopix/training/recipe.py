"""Finding, changing and checking a recipe, with all mistakes at once."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from geopix.training.schema import Base, Recipe, Source
from geopix.training.talks.files import load_talks
from harness.errors import ConfigurationError, nearest
from harness.located_yaml import Document, KeyPath, read
from harness.spec import explain

KINDS_OF_DATA = ("task", "instances", "conversations")


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
    if not problems:
        try:
            recipe = Recipe.model_validate(data)
        except ValidationError as error:
            problems = [_words(document, detail) for detail in error.errors()]
        else:
            problems = [str(document.problem(path, message)) for path, message in contradictions(recipe)]
            if not problems:
                return recipe
    raise ConfigurationError("\n".join(problems))


def contradictions(recipe: Recipe) -> Iterator[tuple[KeyPath, str]]:
    """Yields what of a recipe contradicts itself, though each value is well-formed: the key, and why."""
    yield from _base_problems(recipe.base)
    for number, source in enumerate(recipe.data):
        yield from _source_problems(source, ("data", number))
    yield from _part_problems(recipe)
    yield from _evaluation_problems(recipe)
    if recipe.images_per_step % recipe.accumulate:
        yield (
            ("accumulate",),
            f"{recipe.images_per_step} images a step cannot be worked on in {recipe.accumulate} equal parts",
        )


def _base_problems(base: Base) -> Iterator[tuple[KeyPath, str]]:
    given = [name for name in ("checkpoint", "llava", "vision", "language", "size") if getattr(base, name) is not None]
    if given not in (["checkpoint"], ["llava"], ["vision", "language"], ["size"]):
        yield (
            ("base",),
            "give one of `checkpoint`, `llava`, `vision` with `language`, or `size`; "
            f"found {' and '.join(given) or 'none'}",
        )
    elif (base.memory or base.fresh) and given != ["checkpoint"]:
        yield ("base",), "`memory` and `fresh` change a checkpoint; a base of another kind sets `config` instead"
    elif base.config and given == ["checkpoint"] and "mask_head" not in base.fresh:
        yield (
            ("base", "config"),
            "of a checkpoint it changes the mask head, whose weights are then drawn anew; add `fresh: [mask_head]`",
        )


def _source_problems(source: Source, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    given = [name for name in KINDS_OF_DATA if getattr(source, name) is not None]
    if len(given) != 1:
        kinds = ", ".join(f"`{name}`" for name in KINDS_OF_DATA[:-1])
        yield path, f"give one of {kinds} or `{KINDS_OF_DATA[-1]}`; found {' and '.join(given) or 'none'}"
        return
    for name in ("dataset", "prompt", "phrasings"):
        if given != ["task"] and getattr(source, name):
            yield (*path, name), f"it changes a task; a data set given by `{given[0]}` has none"
    if source.templates and given == ["conversations"]:
        yield (*path, "templates"), "conversations have their words already; leave this out"
    elif source.templates and (source.prompt is not None or source.phrasings):
        yield (*path, "templates"), "templates say how questions are put; leave out `prompt` and `phrasings`"
    try:
        load_talks(source.templates)
    except ConfigurationError as error:
        yield (*path, "templates"), str(error)


def _part_problems(recipe: Recipe) -> Iterator[tuple[KeyPath, str]]:
    how = dict(recipe.parts)
    if set(how.values()) == {"frozen"}:
        yield ("parts",), "no part learns"
    for name in ("vision_tower", "projector", "embeddings"):
        if recipe.tower is not None and how[name] != "full":
            yield ("tower",), f"it teaches {name}, which `parts` does not let learn in full"
    for name in recipe.optimiser.rates:
        if how[name] == "frozen":
            yield ("optimiser", "rates", name), f"`parts` keeps {name} frozen, so it has no learning rate"


def _evaluation_problems(recipe: Recipe) -> Iterator[tuple[KeyPath, str]]:
    if recipe.evaluation is None:
        return
    tasks = [examination.task for examination in recipe.evaluation.tasks]
    for index, name in enumerate(tasks):
        if name in tasks[:index]:
            yield ("evaluation", "tasks", index), f"{name} is listed twice; its answers would be mixed"
    best = recipe.evaluation.best
    if best is not None and best.rpartition(".")[0] not in tasks:
        expected = f"expected TASK.SCORE with a task of this evaluation ({', '.join(tasks)})"
        yield ("evaluation", "best"), f"{expected}, found {best!r}.{nearest(best.partition('.')[0], tasks)}"


def _words(document: Document, detail: Mapping[str, Any]) -> str:
    path: KeyPath = tuple(part for part in detail["loc"] if part != "[key]")
    return str(document.problem(path, explain(detail, known_keys(path))))


def known_keys(path: KeyPath) -> list[str]:
    """Returns the keys that a recipe allows beside the last part of a path."""
    model: type[BaseModel] = Recipe
    for part in path[:-1]:
        field = {field.alias or name: field for name, field in model.model_fields.items()}.get(str(part))
        inner = _model_in(field.annotation) if field else None
        model = inner or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds: itself, or within a list or an optional value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, Union, UnionType):
        return next((model for model in map(_model_in, get_args(annotation)) if model), None)
    return None


def _override(data: dict[str, Any], text: str) -> dict[str, Any]:
    keys, sign, value = text.partition("=")
    if not sign:
        raise ConfigurationError(f"expected key=value, found {text!r}; for example optimiser.learning_rate=3e-4.")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{text!r}: {value!r} is not valid YAML; put quotes around words.") from error
    changed: dict[str, Any] = _changed(data, keys.split("."), parsed, text)
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
