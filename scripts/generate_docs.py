"""Writes docs/commands.md from the code and docs/benchmarks.md from the task files.

The first has every command's options, every key of a task file and every built-in part; the second every task.

python scripts/generate_docs.py            write the pages
python scripts/generate_docs.py --check    exit code 1 when a page on disk is not what the code says
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import pluggy
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import geopix.plugin
import harness.builtin
from geopix.cli import main as geopix_command
from geopix.training.schema import Recipe
from harness.catalog import Catalogue, shipped
from harness.cli import main as geopix_eval_command
from harness.comparison.gates import GatesFile, GateUse
from harness.docstrings import section
from harness.plugins import GROUP, Hooks, Registry, collect, installed
from harness.spec import DatasetUse, Expects, Generation, MetricUse, ParserUse, TaskSpec

BENCHMARKS_PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
INTRODUCTION = """# Commands, task files, built-in parts

This page is written by `python scripts/generate_docs.py` from the code. Do not edit it by hand.

Exit codes of both commands: 0 done; 1 a gate failed, or a training run broke off; 2 a mistake in usage or
configuration; 3 samples failed; 4 missing or damaged data, a missing extra, checkpoint or device; 70 a bug, here or in
a plugin, with its traceback; 130 interrupted by Ctrl-C.
"""
TASK_FILE = """## Task file

A task is one YAML file. Its keys:
"""
GATES_FILE = """## Gates file

`geopix-eval compare --gates FILE` reads a YAML file of gates; [ci.md](ci.md) shows one. Its keys:
"""
RECIPE_FILE = """## Recipe

A recipe for `geopix train` is one YAML file. A key may be set otherwise on the command line, inner keys with dots:
`optimiser.learning_rate=3e-4`. Its keys:
"""
PARTS = """## Built-in parts

Names that a task file may use, and the options that each takes. Plugins add more; see [extend.md](extend.md).
"""


def page() -> str:
    """Returns the page as Markdown."""
    parts = [
        INTRODUCTION,
        *_commands(geopix_eval_command, "geopix-eval"),
        *_commands(geopix_command, "geopix"),
        TASK_FILE,
        _keys(TaskSpec),
        *_uses(),
        GATES_FILE,
        _keys(GatesFile),
        "### Keys of a gate",
        _keys(GateUse),
        RECIPE_FILE,
        _keys(Recipe),
        PARTS,
        *_plugins(),
    ]
    return "\n".join(part.strip() + "\n" for part in parts)


BENCHMARKS = """# Benchmarks

This page is written by `python scripts/generate_docs.py` from the files in [tasks/](../tasks). Do not edit it by hand.

Every task that ships, by the kind of answer it wants. `geopix-eval show TASK` prints one with its prompt and the
formulas of its scores; [metrics.md](metrics.md) explains the conventions. Data folders are below `--data-dir`, as
downloaded; samples are those of the published split, ? where their number could not be established.
"""
CAPABILITIES: Mapping[str, str] = {
    "vqa": "Questions",
    "classify": "Scenes",
    "choose": "Choices",
    "caption": "Captions",
    "refer": "Boxes",
    "segment": "Masks",
}


def benchmarks() -> str:
    """Returns the page of tasks as Markdown."""
    catalogue = Catalogue([shipped("tasks")], installed())
    specs = [catalogue.task(entry.name).spec for entry in catalogue.entries]
    parts = [BENCHMARKS]
    for capability, title in CAPABILITIES.items():
        found = [spec for spec in specs if spec.capability == capability]
        if found:
            parts += [f"## {title}", _table(BENCHMARK_HEADINGS, [_benchmark(spec) for spec in found])]
    parts.append("## What a reader of the scores should know")
    parts += [_remarks(spec) for spec in specs if spec.notes or spec.unverified]
    return "\n".join(part.strip() + "\n" for part in parts)


BENCHMARK_HEADINGS = (
    "task",
    "benchmark",
    "main score",
    "all scores",
    "by",
    "samples",
    "data folder",
    "licence",
    "paper, data",
)


def _benchmark(spec: TaskSpec) -> tuple[str, ...]:
    primary = next(use for use in spec.metrics if use.primary)
    names = ", ".join(_code(name) for name in (spec.name, *spec.aliases))
    scores = ", ".join(_code(use.score_name) for use in spec.metrics)
    sources = ", ".join(filter(None, (_paper(spec.paper), f"[data]({spec.url})" if spec.url else "")))
    slices = ", ".join(spec.slices)
    folder = _code(f"{spec.dataset.root}/")
    licence = spec.licence or "not established"
    count = f"{spec.expects.samples:,}" if spec.expects.samples else "?"
    score = _code(primary.score_name)
    return names, _escaped(spec.title), score, scores, slices, count, folder, _escaped(licence), sources


def _paper(paper: str) -> str:
    kind, _, number = paper.partition(":")
    address = {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}.get(kind.lower())
    return f"[{paper}]({address}{number})" if address else paper


def _remarks(spec: TaskSpec) -> str:
    lines = [f"### `{spec.name}`", "", *(f"- {_escaped(note)}" for note in spec.notes)]
    return "\n".join([*lines, *(f"- Not established: {_escaped(fact)}" for fact in spec.unverified)])


def _commands(command: click.Command, name: str, depth: int = 2) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield f"{'#' * depth} `{name}`"
    yield f"```text\n{usage}\n```"
    yield _paragraphs(command.help or "")
    options = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if options:
        yield _table(("option", "meaning"), [(_code(option), _escaped(words)) for option, words in options])
    inner = command.commands if isinstance(command, click.Group) else {}
    for word in sorted(inner):
        yield from _commands(inner[word], f"{name} {word}", depth + 1)


def _paragraphs(help_text: str) -> str:
    """A command's help as Markdown: what click is told not to wrap is shown as it stands."""
    paragraphs = inspect.cleandoc(help_text).split("\n\n")
    shown = [
        f"```text\n{paragraph.removeprefix(chr(8)).strip()}\n```" if paragraph.startswith("\b") else paragraph
        for paragraph in paragraphs
    ]
    return "\n\n".join(shown)


def _uses() -> Iterator[str]:
    for key, model in (
        ("dataset", DatasetUse),
        ("parser", ParserUse),
        ("metrics", MetricUse),
        ("generation", Generation),
        ("expects", Expects),
    ):
        yield f"### Keys of `{key}`"
        yield _keys(model)


def _keys(model: type[BaseModel], prefix: str = "") -> str:
    return _table(("key", "type", "default", "meaning"), list(_key_rows(model, prefix)))


def _key_rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        inner = field.annotation
        yield _code(key), _type(inner), _default(field), _escaped(field.description or _first_sentence(inner))
        if model.__module__ == Recipe.__module__ and (below := _model_within(inner)):
            yield from _key_rows(below, f"{key}[]." if get_origin(inner) is list else f"{key}.")


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """The mapping that a key holds, also where it may be absent or stands in a list."""
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _first_sentence(annotation: Any) -> str:
    """What a key holds, from the class of its value, where the key itself says nothing."""
    of_list = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    if isinstance(of_list, type) and issubclass(of_list, BaseModel):
        return inspect.getdoc(of_list) or ""
    return ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, BaseModel) or field.default in ("", None, [], {}):
        return ""
    return _code(str(field.default))


WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", Any: "anything"}


def _type(annotation: Any) -> str:
    """An annotation in words."""
    if annotation in WORDS:
        return WORDS[annotation]
    arguments = [argument for argument in get_args(annotation) if argument is not NoneType]
    if not arguments:
        return "keys"
    return _composed(get_origin(annotation), arguments)


def _composed(origin: Any, arguments: list[Any]) -> str:
    """The words of an annotation with arguments: a choice, a collection, or one type that may be absent."""
    if origin is Literal:
        return ", ".join(_code(str(value)) for value in arguments)
    inner = _type(arguments[0])
    if origin in (Annotated, Union, UnionType):
        return inner
    if issubclass(origin, Mapping):
        return f"keys of {_type(arguments[1])}"
    return f"{len(arguments)} of: {inner}" if origin is tuple and Ellipsis not in arguments else f"list of: {inner}"


def _plugins() -> Iterator[str]:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    # Pluggy calls the last one first; whatever else is installed here is not described.
    for plugin in (geopix.plugin, harness.builtin):
        manager.register(plugin)
    found = collect(manager)
    for registry in (found.readers, found.parsers, found.metrics):
        yield f"### {registry.kind.capitalize()}"
        for name in registry.places:
            yield from _part(registry, name)
    yield "### Models"
    yield "The word before the colon in `--model`; options are given as `--model-option KEY=VALUE`."
    for name in found.models.places:
        yield from _model(name, found.models.places[name])
    yield "### Segmenters"
    yield "The word after the plus in `--model`; options are given as `--model-option WORD.KEY=VALUE`."
    for name in found.segmenters.places:
        yield from _model(name, found.segmenters.places[name])
    yield "### Judges"
    yield "The word before the colon in `--judge`; options are given as `--judge-option KEY=VALUE`."
    for name in found.judges.places:
        yield from _model(name, found.judges.places[name])


def _model(name: str, place: str) -> Iterator[str]:
    text = _docstring(place)
    meanings = section(text, "Args")
    yield f"#### `{name}`"
    yield _prose(text)
    yield from ["\n".join(f"- {key}: {words}" for key, words in meanings.items())] if meanings else []


def _docstring(place: str) -> str:
    """A factory's docstring, read without importing its module: that would take torch."""
    module, _, factory = place.partition(":")
    spec = find_spec(module)
    source = Path(spec.origin).read_text("utf-8") if spec and spec.origin else ""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == factory]
    return ast.get_docstring(functions[0]) or ""


def _part(registry: Registry, name: str) -> Iterator[str]:
    text = _documented(registry.load(name))
    yield f"#### `{name}`"
    yield _prose(text)
    meanings = section(text, "Attributes")
    rows = [
        (_code(option), _type(annotation), _plugin_default(default), _escaped(meanings.get(option, "")))
        for option, (annotation, default) in registry.option_types(name).items()
    ]
    yield _table(("option", "type", "default", "meaning"), rows) if rows else "No options."


def _documented(part: Any) -> str:
    """A class's docstring, with the attributes that its bases describe behind its own."""
    text = inspect.getdoc(part) or ""
    for base in getattr(part, "__mro__", ())[1:-1]:
        _, title, inherited = (inspect.getdoc(base) or "").partition("Attributes:\n")
        if inherited and title in text:
            text = f"{text.rstrip()}\n{inherited}"
    return text


def _plugin_default(default: Any) -> str:
    if default is ...:
        return "required"
    empty = default is None or default == "" or (callable(default)) or "factory" in str(default)
    return "" if empty or default == () else _code(", ".join(default) if isinstance(default, tuple) else str(default))


def _prose(docstring: str) -> str:
    """A docstring's paragraphs before its sections, without doctests."""
    before = re.split(r"^(?:Args|Attributes|Raises|Returns):", docstring, flags=re.MULTILINE)[0]
    paragraphs = [paragraph for paragraph in before.split("\n\n") if not paragraph.lstrip().startswith(">>>")]
    kept = [paragraph for paragraph in paragraphs if not paragraph.rstrip().endswith(":")]
    return "\n\n".join(_outside_code(paragraph) for paragraph in kept)


def _outside_code(text: str) -> str:
    """Makes a tag in prose visible in Markdown."""
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split(r"(`[^`]*`)", text))


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""


def _escaped(text: str) -> str:
    return _outside_code(" ".join(text.split())).replace("|", "\\|")


def main() -> None:
    """Writes the pages, or checks them."""
    for path, text in ((PAGE, page()), (BENCHMARKS_PAGE, benchmarks())):
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.is_file() or path.read_text("utf-8") != text:
            sys.exit(f"{path} is not what the code says. Run: python scripts/generate_docs.py")


if __name__ == "__main__":
    main()
