"""Gates: what a checkpoint must reach, and how much worse than its baseline it may be; read from strict YAML."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import ConfigurationError, MissingDataError
from harness.located_yaml import Document, Problem, read
from harness.results import MetricCard
from harness.spec import explain

ALPHA = 0.05
_NUMBER = r"\d+(?:\.\d+)?"
_SHARE = re.compile(rf"({_NUMBER}) ?%")
_POINTS = re.compile(rf"({_NUMBER}) ?(?:pt|points?)")
_PLAIN = re.compile(rf"-?{_NUMBER}")


@dataclass(frozen=True)
class Amount:
    """How much worse a score may be.

    Attributes:
        number: points, or percent of the baseline's score.
        relative: whether it is percent of the baseline's score.
    """

    number: float
    relative: bool

    @classmethod
    def parse(cls, text: object) -> "Amount | None":
        """Returns an amount, None where the text is none.

        >>> Amount.parse("0.5 points"), Amount.parse("2%"), Amount.parse("2")
        (Amount(number=0.5, relative=False), Amount(number=2.0, relative=True), None)
        """
        for pattern, relative in ((_POINTS, False), (_SHARE, True)):
            if match := pattern.fullmatch(str(text).strip()):
                return cls(float(match[1]), relative)
        return None

    def of(self, base: float, card: MetricCard) -> float:
        """Returns the amount in the metric's own unit; a point of a percent metric is one percentage point."""
        if self.relative:
            return abs(base) * self.number / 100
        return self.number / 100 if card.unit == "percent" else self.number

    def __str__(self) -> str:
        return f"{self.number:g} %" if self.relative else f"{self.number:g} {'point' if self.number == 1 else 'points'}"


@dataclass(frozen=True)
class Bound:
    """A least or greatest score.

    Attributes:
        number: the score in the metric's own unit, or in percent.
        percent: whether it is in percent.
    """

    number: float
    percent: bool

    @classmethod
    def parse(cls, value: object) -> "Bound | None":
        """Returns a bound, None where the value is none.

        >>> Bound.parse(0.55), Bound.parse("55 %")
        (Bound(number=0.55, percent=False), Bound(number=55.0, percent=True))
        """
        text = str(value).strip()
        if match := _SHARE.fullmatch(text):
            return cls(float(match[1]), percent=True)
        return cls(float(text), percent=False) if _PLAIN.fullmatch(text) else None

    def unfit(self, card: MetricCard) -> str | None:
        """Returns why a metric cannot be held against the bound, None where it can."""
        if self.percent and card.unit != "percent":
            return f"it is in percent, and {card.name} is not"
        if not self.percent and card.unit == "percent" and self.number > 1:
            return f"{card.name} is a fraction of at most 1; write {self.number:g} % for {self.number / 100:g}"
        return None

    def of(self, card: MetricCard) -> float:
        """Returns the bound in the metric's own unit: fractions, for a metric shown in percent."""
        return self.number / 100 if self.percent else self.number


@dataclass(frozen=True)
class Gate:
    """What one metric of one task must hold.

    Attributes:
        task: the task.
        metric: the metric's name in the task.
        where: tags and their values, for a gate on a slice; empty for the whole task.
        least: the least score that passes.
        greatest: the greatest score that passes, for a metric of which less is better.
        drop: how much worse than the baseline the score may be.
        only_if_significant: whether a greater drop passes where it could be chance.
        line: the gate's line in its file.
    """

    task: str
    metric: str
    where: Mapping[str, str]
    least: Bound | None = None
    greatest: Bound | None = None
    drop: Amount | None = None
    only_if_significant: bool = False
    line: int = 0


@dataclass(frozen=True)
class Gates:
    """A gates file.

    Attributes:
        gates: in the file's order, each about something else.
        alpha: the level of significance after Holm.
        file: where they come from; None where there is no file.
    """

    gates: tuple[Gate, ...] = ()
    alpha: float = ALPHA
    file: Path | None = None


class GateUse(BaseModel):
    """What one metric of one task, or of a slice of it, must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    task: str = Field(description="The task.")
    metric: str = Field(description="The metric's name in the task.")
    slice: dict[str, str] = Field(default={}, description="A tag and its value: the gate holds for these samples.")
    min: float | str | None = Field(default=None, description="The least score: `0.55`, or `55 %`.")
    max: float | str | None = Field(default=None, description="The greatest score, where less is better.")
    max_drop: float | str | None = Field(
        default=None,
        description="How much worse than the baseline: `0.5 points`, or `2 %` of the baseline's score.",
    )
    only_if_significant: bool = Field(
        default=False, description="Lets a greater drop pass where it could be chance (p above alpha after Holm)."
    )


class GatesFile(BaseModel):
    """A file of gates."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = Field(default=ALPHA, description="Level of significance after Holm.")
    gates: list[GateUse] = Field(min_length=1, description="The gates, each about another metric, task or slice.")


def read_gates(file: Path) -> Gates:
    """Reads a gates file.

    Raises:
        ConfigurationError: it has mistakes; all of them, each with file:line.
        MissingDataError: it cannot be read.
    """
    try:
        document = read(file)
    except OSError as error:
        raise MissingDataError(f"{file} cannot be read: {error.strerror}. Expected a YAML file of gates.") from error
    problems = sorted(set(find_problems(document)))
    if problems:
        raise ConfigurationError("\n".join(map(str, problems)))
    content = GatesFile.model_validate(document.data)
    gates = (_gate(use, document.place(("gates", number)).line) for number, use in enumerate(content.gates))
    return Gates(tuple(gates), content.alpha, file)


def _gate(use: GateUse, line: int) -> Gate:
    return Gate(
        task=use.task,
        metric=use.metric,
        where=use.slice,
        least=None if use.min is None else Bound.parse(use.min),
        greatest=None if use.max is None else Bound.parse(use.max),
        drop=None if use.max_drop is None else Amount.parse(use.max_drop),
        only_if_significant=use.only_if_significant,
        line=line,
    )


def find_problems(document: Document) -> Iterator[Problem]:
    """Yields every mistake of a gates file."""
    yield from document.problems
    if not document.data:
        return
    try:
        GatesFile.model_validate(document.data)
    except ValidationError as error:
        for detail in error.errors():
            path = tuple(part for part in detail["loc"] if part not in ("float", "str"))
            known = GateUse if path[:1] == ("gates",) else GatesFile
            yield document.problem(path, explain(detail, list(known.model_fields)))
    gates = document.data.get("gates")
    uses = [(n, use) for n, use in enumerate(gates) if isinstance(use, dict)] if isinstance(gates, list) else []
    for number, use in uses:
        for key, message in _mistakes(use):
            yield document.problem(("gates", number, key) if key else ("gates", number), message)
    yield from _repeated(document, uses)


def _mistakes(use: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("min", "max"):
        if _written(use, key) and Bound.parse(use[key]) is None:
            yield key, f"expected a score such as `0.55` or `55 %`, found {use[key]!r}"
    if _written(use, "max_drop") and Amount.parse(use["max_drop"]) is None:
        yield "max_drop", f"expected an amount with its unit, `0.5 points` or `2 %`, found {use['max_drop']!r}"
    if not any(_written(use, key) for key in ("min", "max", "max_drop")):
        yield "", "this gate demands nothing: give it `min`, `max` or `max_drop`"
    if use.get("only_if_significant") and not _written(use, "max_drop"):
        yield "only_if_significant", "this belongs to `max_drop`, which is missing"


def _written(use: Mapping[str, Any], key: str) -> bool:
    return isinstance(use.get(key), int | float | str) and not isinstance(use.get(key), bool)


def _repeated(document: Document, uses: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, use in uses:
        about = repr((use.get("task"), use.get("metric"), use.get("slice") or {}))
        if about in seen:
            line = document.place(("gates", seen[about])).line
            yield document.problem(("gates", number), f"line {line} has a gate on the same scores; make them one")
        seen.setdefault(about, number)
