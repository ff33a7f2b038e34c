"""What a task file may say, and the check that finds all its mistakes at once."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import ConfigurationError, GeoPixError, nearest
from harness.interfaces import Metric, Parser, Reader
from harness.located_yaml import Document, KeyPath, Problem
from harness.options import option_mistakes, worded
from harness.plugins import Plugins, Registry
from harness.prompts import template_error

Capability = Literal["vqa", "caption", "classify", "refer", "segment", "choose"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

# Words about a benchmark and what its split should hold: no score depends on them, so runs stay comparable.
DESCRIPTIVE = {
    "aliases",
    "title",
    "description",
    "paper",
    "licence",
    "url",
    "extends",
    "notes",
    "unverified",
    "expects",
}


class Strict(BaseModel):
    """A mapping of a YAML file: unknown keys and other types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Use(BaseModel):
    """A plugin by name; the remaining keys are its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @property
    def options(self) -> dict[str, Any]:
        """The options given to the plugin."""
        return dict(self.model_extra or {})


class DatasetUse(_Use):
    """Where the data is and which reader reads it."""

    reader: str = Field(description="Registered reader; its options stand beside it.")
    root: str = Field(description="The data set's folder below the data directory.")


class ParserUse(_Use):
    """Which parser reads the answers."""

    name: str = Field(description="Registered parser; its options stand beside it.")


class MetricUse(_Use):
    """A metric and the name its score goes by."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, populate_by_name=True)

    name: str = Field(description="Registered metric; its options stand beside it.")
    label: Name | None = Field(
        default=None, alias="as", description="The score's name in tables; the metric's by default."
    )
    primary: bool = Field(default=False, description="Marks the task's headline number; exactly one is.")

    @property
    def score_name(self) -> str:
        """The name the score goes by."""
        return self.label or self.name


class Generation(Strict):
    """How the model generates."""

    max_new_tokens: int = Field(default=256, ge=1, description="Upper bound on generated tokens.")
    temperature: float = Field(default=0.0, ge=0.0, description="0 is greedy decoding.")
    top_p: float = Field(default=1.0, gt=0.0, le=1.0, description="Nucleus sampling, where temperature is above 0.")


class Expects(Strict):
    """What the published split holds, as far as established; `geopix-eval data status` compares."""

    samples: int | None = Field(default=None, ge=1, description="Samples that the reader finds in the published split.")
    images: int | None = Field(default=None, ge=1, description="Images that these samples are about.")
    files: dict[str, Sha256 | None] = Field(
        default={},
        description="Files below the data set's folder, each with its sha256, or null where it is not known.",
    )


class TaskSpec(Strict):
    """A benchmark: its data, prompt, parser and metrics."""

    name: Name = Field(description="The task's name: lower case letters, digits, underscores; the file's name too.")
    version: int = Field(ge=1, description="Raised whenever scores are no longer comparable with earlier ones.")
    aliases: list[Name] = Field(default=[], description="Other names users may type.")
    title: str = Field(description="Benchmark and split, for people.")
    description: str = Field(default="", description="What the task measures, in a sentence or two.")
    paper: str = Field(default="", description="arXiv id or DOI of the paper.")
    licence: str = Field(default="", description="Licence of the data, as far as established.")
    url: str = Field(default="", description="Where people get the data.")
    extends: str | None = Field(default=None, description="Another task whose keys this one inherits.")
    dataset: DatasetUse
    expects: Expects = Field(
        default=Expects(), description="What the published split holds; not inherited by a task with other data."
    )
    capability: Capability = Field(description="The kind of answer that is wanted.")
    prompt: str = Field(description="Jinja2 template over the sample's fields, run in a sandbox.")
    generation: Generation = Generation()
    parser: ParserUse
    metrics: list[MetricUse] = Field(min_length=1)
    slices: list[str] = Field(default=[], description="Tags by whose values scores are shown.")
    cluster: str = Field(default="image_id", description="`image_id`, `sample_id` or a tag: what is resampled as one.")
    notes: list[str] = Field(default=[], description="What a reader of the scores should know.")
    unverified: list[str] = Field(default=[], description="Facts about the benchmark that could not be established.")


@dataclass(frozen=True)
class Task:
    """A checked task with its parts built.

    Attributes:
        spec: what the file says, inheritance resolved.
        reader, parser, metrics: the plugins, ready; metrics by the name of their score.
        digest: sha256 of everything the file says that scores depend on.
        file: where it was read from.
    """

    spec: TaskSpec
    reader: Reader
    parser: Parser
    metrics: Mapping[str, Metric]
    digest: str
    file: Path


def build(document: Document, file: Path, plugins: Plugins) -> Task:
    """Returns the task that a document describes, its plugins built.

    Raises:
        ConfigurationError: the document has mistakes; all of them, each with file:line.
    """
    problems = sorted(set(find_problems(document, plugins)))
    if problems:
        raise ConfigurationError("\n".join(map(str, problems)))
    spec = TaskSpec.model_validate(document.data)
    return Task(
        spec=spec,
        reader=plugins.readers.load(spec.dataset.reader)(**spec.dataset.options),
        parser=plugins.parsers.load(spec.parser.name)(**spec.parser.options),
        metrics={use.score_name: plugins.metrics.load(use.name)(**use.options) for use in spec.metrics},
        digest=_digest(spec),
        file=file,
    )


def _digest(spec: TaskSpec) -> str:
    content = spec.model_dump(exclude=DESCRIPTIVE)
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def find_problems(document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Yields every mistake of a task document."""
    yield from document.problems
    if not document.data:
        return
    yield from _schema_problems(document)
    yield from _plugin_problems(document, ("dataset",), "reader", plugins.readers, {"root"})
    yield from _plugin_problems(document, ("parser",), "name", plugins.parsers, set())
    metrics = document.data.get("metrics")
    for index in range(len(metrics) if isinstance(metrics, list) else 0):
        yield from _plugin_problems(document, ("metrics", index), "name", plugins.metrics, {"as", "primary"})
    yield from _metric_problems(document)
    prompt = document.data.get("prompt")
    if isinstance(prompt, str) and (mistake := template_error(prompt)):
        yield document.problem(("prompt",), mistake)


def _schema_problems(document: Document) -> Iterator[Problem]:
    try:
        TaskSpec.model_validate(document.data)
    except ValidationError as error:
        # What is missing may be what was to be inherited.
        inherits = all(problem.where != "extends" for problem in document.problems)
        for detail in error.errors():
            if detail["type"] == "missing" and not inherits:
                continue
            path: KeyPath = tuple(detail["loc"])
            yield document.problem(path, explain(detail, _known_keys(path)))


def _known_keys(path: KeyPath) -> list[str]:
    """The keys allowed beside the last part of a path."""
    model: dict[str, type[BaseModel]] = {
        "dataset": DatasetUse,
        "parser": ParserUse,
        "metrics": MetricUse,
        "generation": Generation,
        "expects": Expects,
    }
    kind = TaskSpec if len(path) == 1 else model.get(str(path[0]), TaskSpec)
    return [field.alias or name for name, field in kind.model_fields.items()]


def explain(detail: Mapping[str, Any], known: list[str]) -> str:
    """Words one of pydantic's findings for someone who wrote a YAML file."""
    key = str(detail["loc"][-1]) if detail["loc"] else ""
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key {key!r}.{nearest(key, known)} Known: {', '.join(sorted(known))}."
        case "missing":
            return f"{key!r} is missing"
        case _:
            return worded(detail)


def _plugin_problems(
    document: Document, path: KeyPath, name_key: str, registry: Registry, own_keys: set[str]
) -> Iterator[Problem]:
    """Yields the mistakes in the use of one plugin: its name and each of its options."""
    use = _value(document.data, path)
    if not isinstance(use, dict) or not isinstance(name := use.get(name_key), str):
        return
    try:
        types = registry.option_types(name)
    except GeoPixError as error:
        yield document.problem((*path, name_key), str(error))
        return
    options = {key: value for key, value in use.items() if key not in own_keys | {name_key}}
    mistakes = list(option_mistakes(types, options, own_keys | {name_key}))
    if not mistakes:
        mistakes = list(_refusals(registry, name, options))
    for below, mistake in mistakes:
        yield document.problem((*path, *below), f"{registry.noun} {name!r}: {mistake}")


def _refusals(registry: Registry, name: str, options: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yields why a plugin refuses options that are well-formed one by one."""
    try:
        registry.load(name)(**options)
    except GeoPixError as error:
        yield (), str(error)
    except Exception as error:  # noqa: BLE001 - a plugin's constructor may raise anything
        yield (), f"{type(error).__name__}: {error}"


def _value(data: Any, path: KeyPath) -> Any:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
    return data


def _metric_problems(document: Document) -> Iterator[Problem]:
    metrics = document.data.get("metrics")
    uses = [use for use in metrics if isinstance(use, dict)] if isinstance(metrics, list) else []
    if not uses:
        return
    names = [use.get("as") or use.get("name") for use in uses]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield document.problem(("metrics", index), f"two metrics go by the name {name!r}; give one another `as:`")
    primaries = sum(use.get("primary") is True for use in uses)
    if primaries != 1:
        yield document.problem(("metrics",), f"exactly one metric needs `primary: true`, found {primaries}")
