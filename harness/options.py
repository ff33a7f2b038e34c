"""The options that a task file gives to a plugin, checked against the annotations of its constructor."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness.errors import nearest

OptionTypes = Mapping[str, tuple[Any, Any]]


def option_mistakes(
    types: OptionTypes, options: Mapping[str, Any], beside: set[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields what is wrong with options: the path below the plugin's mapping, and the mistake in words.

    Args:
        types: the options that the plugin takes: name to (annotation, default or ... where it is needed).
        options: the options given.
        beside: keys that stand beside the options and are not handed to the plugin.
    """
    for name, value in options.items():
        if name in types:
            yield from _type_mistakes(name, types[name][0], value)
        else:
            known = sorted({*types, *beside})
            yield (name,), f"unknown key {name!r}.{nearest(name, known)} Known: {', '.join(known)}."
    for name, (_, default) in types.items():
        if default is ... and name not in options:
            yield (name,), f"{name!r} is missing"


def _type_mistakes(name: str, annotation: Any, value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    try:
        _checker(annotation).validate_python(value)
    except ValidationError as error:
        for detail in error.errors():
            yield (name, *detail["loc"]), worded(detail)


# The same few annotations stand in every task file, and a checker is dear to make.
@lru_cache(maxsize=256)
def _checker(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=ConfigDict(strict=True))


def worded(detail: Mapping[str, Any]) -> str:
    """Words one of pydantic's findings for someone who wrote a YAML file."""
    message = detail["msg"]
    return f"{message[0].lower()}{message[1:]}, found {detail['input']!r}"
