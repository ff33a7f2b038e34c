"""YAML with the place of every value, so that an error can say file:line.

Only plain data comes out: tags, aliases and duplicate keys are refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment]

KeyPath = tuple[str | int, ...]
#: Values inside values; the deepest file that ships has 6. Thousands of them fill the memory and the stack.
DEEPEST = 64
PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file.

    Attributes:
        file: the file it is in.
        line: its line, counted from 1.
        where: the key it is about, `metrics[1].name` for example; empty for the whole file.
        message: what was expected, what was found, what to do.
    """

    file: Path
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {where}{self.message}"


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: Path
    line: int


@dataclass(frozen=True)
class Document:
    """A YAML mapping and where each of its values stands.

    Attributes:
        data: plain dicts, lists, strings, numbers, booleans and None.
        places: the place of each value by its path of keys and indices.
        problems: mistakes found while reading.
    """

    data: dict[str, Any]
    places: Mapping[KeyPath, Place]
    problems: tuple[Problem, ...] = ()

    def place(self, path: KeyPath) -> Place:
        """Returns where a value stands, or the nearest value around it that is written down."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places[path]

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Returns a mistake at the place of a value."""
        place = self.place(path)
        return Problem(place.file, place.line, dotted(path), message)

    def over(self, base: "Document") -> "Document":
        """Returns this document laid over another: mappings merge key by key, lists and values are replaced.

        A mapping that names another plugin (`name`, `reader`) is replaced too: options of one part are none of another.
        """
        replaced = {path for path in self.places if not isinstance(_value(self.data, path), dict)}
        kept = {
            path: place
            for path, place in base.places.items()
            if replaced.isdisjoint(path[:length] for length in range(len(path) + 1))
        }
        return Document(_merge(base.data, self.data), {**kept, **self.places}, base.problems + self.problems)


def dotted(path: KeyPath) -> str:
    """Writes a path of keys the way people do.

    >>> dotted(("metrics", 1, "name"))
    'metrics[1].name'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _value(data: Any, path: KeyPath) -> Any:
    return reduce(lambda value, part: value[part], path, data)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both and not _other_part(merged[key], value) else value
    return merged


def _other_part(base: dict[str, Any], top: dict[str, Any]) -> bool:
    """Whether a mapping names another plugin than the one it would inherit options of."""
    return any(key in top and key in base and top[key] != base[key] for key in ("name", "reader"))


def read(file: Path) -> Document:
    """Reads a YAML file that holds one mapping; mistakes are returned in the document, not raised.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
        _refuse_depth(text)
        loader = SafeLoader(text)
        node = loader.get_single_node()
    except UnicodeDecodeError as error:
        return _broken(file, 1, f"not UTF-8 text: byte {error.start}")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        return _broken(file, mark.line + 1 if mark else 1, f"not valid YAML: {problem}")
    if not isinstance(node, yaml.MappingNode):
        return _broken(file, 1, "expected a mapping of keys to values, found something else")
    places: dict[KeyPath, Place] = {}
    problems: list[Problem] = []
    builder = _Builder(loader, file, places, problems)
    return Document(builder.build(node, ()), places, tuple(problems))


class TooDeepError(yaml.YAMLError):
    """Values are nested too deeply.

    Args:
        mark: where.
    """

    def __init__(self, mark: Any) -> None:
        super().__init__()
        self.problem = f"values are nested more than {DEEPEST} deep"
        self.problem_mark = mark


def _refuse_depth(text: str) -> None:
    """Looks at the file's events, which are read one behind the other, before anything is built of them.

    Raises:
        TooDeepError: values are nested too deeply.
        yaml.YAMLError: the file is not valid YAML.
    """
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise TooDeepError(event.start_mark)


def _broken(file: Path, line: int, message: str) -> Document:
    return Document({}, {(): Place(file, line)}, (Problem(file, line, "", message),))


@dataclass(frozen=True)
class _Builder:
    """Turns nodes into plain data, noting places and mistakes on the way."""

    loader: Any
    file: Path
    places: dict[KeyPath, Place]
    problems: list[Problem]
    built: set[int] = field(default_factory=set)

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self.places[path] = Place(self.file, node.start_mark.line + 1)
        if id(node) in self.built:
            # Aliases can hold themselves, or grow without end.
            self._note(
                node,
                path,
                "this value is used again by an alias (*name), which is not allowed: write it out at each place",
            )
            return None
        self.built.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in PLAIN_TAGS:
            self._refuse_tag(node, path)
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, path))
        return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]

    def _pairs(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, Any]]:
        seen = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in seen:
                self._note(key_node, (*path, key), "this key stands twice; keep one of the two")
            seen.add(key)
            value = self.build(value_node, (*path, key))
            self.places[(*path, key)] = Place(self.file, key_node.start_mark.line + 1)
            yield key, value

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        try:
            return self.loader.construct_object(node, deep=True)
        except yaml.YAMLError:
            self._refuse_tag(node, path)
        except ValueError as error:
            self._note(node, path, f"{node.value!r} cannot be read ({error}); quote it if it is text")
        return None

    def _refuse_tag(self, node: yaml.Node, path: KeyPath) -> None:
        self._note(node, path, f"the tag {node.tag!r} is not allowed: the file may hold plain values and no code")

    def _note(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, dotted(path), message))
