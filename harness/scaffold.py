"""A new task file, made after a task that exists: every key with a comment that says what it is for."""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import BaseModel

from harness.catalog import Catalogue
from harness.docstrings import section
from harness.errors import ConfigurationError
from harness.plugins import Plugins, Registry
from harness.run import catalogue_of
from harness.spec import DatasetUse, Generation, MetricUse, ParserUse, TaskSpec

WIDTH = 100
# Facts about the benchmark that is taken as a model; they are not true of the new one.
OF_ITS_OWN = ("aliases", "description", "paper", "licence", "url", "expects", "notes", "unverified")
USES: Mapping[str, type[BaseModel]] = {"dataset": DatasetUse, "parser": ParserUse, "generation": Generation}
EXAMPLES = {
    "aliases": "[another_name]",
    "description": "What the task measures.",
    "paper": "arXiv:0000.00000",
    "licence": "CC BY 4.0",
    "url": "https://example.org/data",
    "expects": "{samples: 100}",
    "notes": "[What a reader of the scores should know.]",
    "unverified": "[What could not be established.]",
}


def new_task(name: str, like: str, output: Path | None, task_dirs: tuple[Path, ...]) -> None:
    """Writes a task file that is right as it stands, and says what to do with it.

    Args:
        name: the new task's name.
        like: the task whose data layout, prompt, parser and metrics are taken over.
        output: the file, or a folder for it; `NAME.yaml` in the present folder where None.
        task_dirs: further folders of task files.

    Raises:
        ConfigurationError: the name is malformed or taken, no task is called like the other, or the file exists.
    """
    catalogue = catalogue_of(task_dirs)
    _check_name(name, catalogue)
    file = _file(name, output)
    text = task_text(name, like, catalogue)
    if file.exists():
        raise ConfigurationError(f"{file} exists and is not written over. Name another file with -o, or another task.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as created:
            created.write(text)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}. Name another with -o.") from error
    click.echo(f"{file} is made like {like}. Change what differs, then: geopix-eval validate {file}")


def _check_name(name: str, catalogue: Catalogue) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigurationError(
            f"{name!r} is no task name: expected a lower case letter, then lower case letters, digits and underscores, "
            "`my_task` for example."
        )
    for entry in catalogue.entries:
        if name in entry.names:
            raise ConfigurationError(f"the name {name!r} is taken by {entry.file}. Take another.")


def _file(name: str, output: Path | None) -> Path:
    file = Path(f"{name}.yaml") if output is None else output / f"{name}.yaml" if output.is_dir() else output
    if file.name != f"{name}.yaml":
        raise ConfigurationError(
            f"-o {output}: a task's file has the task's name, so this one must be called {name}.yaml, or be a folder."
        )
    return file


def task_text(name: str, like: str, catalogue: Catalogue) -> str:
    """Returns the new task file's text.

    Raises:
        ConfigurationError: no task is called like the other, the nearest is suggested; or its file has mistakes.
    """
    base = catalogue.task(like).spec
    data = catalogue.resolve(catalogue.find(like)).data
    data |= {"name": name, "version": 1, "title": f"{name}, test split"}
    lines = [
        f"# Made by `geopix-eval new {name} --like {base.name}`. Change what differs, then run `geopix-eval validate`.",
        "# docs/commands.md has all keys and the options of every reader, parser and metric.",
    ]
    for key, field in TaskSpec.model_fields.items():
        if key in OF_ITS_OWN:
            lines += ["", *_comment(field.description or "", ""), f"# {key}: {EXAMPLES[key]}"]
        elif key in data and key != "extends":
            lines += ["", *_entry(key, data[key], field.description or _about(key), catalogue.plugins)]
    return "\n".join(lines) + "\n"


def _about(key: str) -> str:
    """What a key holds, from the class of its value."""
    return inspect.getdoc(USES.get(key, MetricUse)) or ""


def _entry(key: str, value: Any, meaning: str, plugins: Plugins) -> Iterator[str]:
    yield from _comment(meaning, "")
    if key == "metrics":
        yield from _metric_comments(value, plugins.metrics)
        yield "metrics:"
        yield from (f"  - {_flow(use)}" for use in value)
    elif key in USES:
        yield f"{key}:"
        meanings = _meanings(key, value, plugins)
        for inner, option in value.items():
            yield from _comment(meanings.get(inner, ""), "  ")
            yield f"  {inner}: {_flow(option)}"
    elif isinstance(value, str) and "\n" in value.strip() and yaml.safe_load(_block(value)) == value:
        yield f"{key}: {_block(value)}".rstrip("\n")
    else:
        yield f"{key}: {_flow(value)}"


def _meanings(key: str, value: Mapping[str, Any], plugins: Plugins) -> dict[str, str]:
    """What each key of a mapping means: from the schema, and for a part's options from its docstring."""
    fields = {name: field.description or "" for name, field in USES[key].model_fields.items()}
    match key:
        case "dataset":
            return _options(plugins.readers, value["reader"]) | fields
        case "parser":
            return _options(plugins.parsers, value["name"]) | fields
        case _:
            return fields


def _options(registry: Registry, name: str) -> dict[str, str]:
    return section(inspect.getdoc(registry.load(name)) or "", "Attributes")


def _metric_comments(uses: Sequence[Mapping[str, Any]], registry: Registry) -> Iterator[str]:
    for name, field in MetricUse.model_fields.items():
        yield from _comment(f"{field.alias or name}: {field.description}", "")
    for metric in dict.fromkeys(use["name"] for use in uses):
        for option, meaning in _options(registry, metric).items():
            yield from _comment(f"{option} of {metric}: {meaning}", "")


def _comment(text: str, indent: str) -> list[str]:
    prefix = f"{indent}# "
    capital = text[:1].upper() + text[1:] if indent else text
    return textwrap.wrap(capital, WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False)


def _flow(value: Any) -> str:
    """A value on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _block(text: str) -> str:
    return "|\n" + textwrap.indent(text.rstrip("\n"), "  ") + "\n"
