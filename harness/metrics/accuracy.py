"""Shares of right answers: overall accuracy, the mean over types, and GeoChat's protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING, Literal

from harness.errors import ConfigurationError
from harness.interfaces import MetricInfo
from harness.metrics.additive import Additive, ratio
from harness.records import Prediction, Target

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals

Match = Literal["exact", "geochat", "contains"]


def _equal(answer: str, accepted: tuple[str, ...]) -> bool:
    return answer in accepted


def _bare(text: str) -> str:
    return text.strip().replace(" ", "").lower().replace(".", "")


def _nearly_equal(answer: str, accepted: tuple[str, ...]) -> bool:
    return _bare(answer) in map(_bare, accepted)


def _contains(answer: str, accepted: tuple[str, ...]) -> bool:
    return any(text and text.lower() in answer.lower() for text in accepted)


MATCHES: Mapping[Match, Callable[[str, tuple[str, ...]], bool]] = {
    "exact": _equal,
    "geochat": _nearly_equal,
    "contains": _contains,
}
RULES: Mapping[Match, str] = {
    "exact": "equal strings",
    "geochat": "equal strings, ignoring spaces, full stops and capitals",
    "contains": "the right answer is somewhere in the answer, ignoring capitals",
}
GEOCHAT_TYPES = ("presence", "comp", "rural_urban")
OFFICIAL = "RSVQA (Lobry et al., TGRS 2020, arXiv:2003.07333): OA over all questions, AA the mean of the types."
GEOCHAT = (
    "GeoChat docs/Evaluation.md (mbzuai-oryx/GeoChat, CVPR 2024): presence, comparison and rural/urban questions, "
    "weighted by question; GeoChat publishes no scorer, the comparison is EarthMind evaluate_hrben.py's."
)
VRSBENCH = "VRSBench eval_fianl/eval_vqa_gpt.ipynb (lx709/VRSBench@28edb365, NeurIPS 2024), its rule before a judge."
SOURCES: Mapping[Match, str] = {"exact": OFFICIAL, "geochat": GEOCHAT, "contains": VRSBENCH}


@dataclass(frozen=True)
class Accuracy(Additive):
    """The share of questions answered right.

    An answer is right when it equals one of the accepted ones; the parser has brought both into the same terms.

    >>> import numpy as np
    >>> overall = Accuracy()
    >>> overall.score(Target(texts=("yes",)), Prediction("ok", text="yes"), {"type": "presence"})
    {'correct': 1.0, 'count': 1.0}
    >>> overall.reduce({"correct": np.array([1.0, 1.0, 0.0]), "count": np.ones(3)})
    0.6666666666666666

    The mean over types gives a rare type the weight of a common one:

    >>> by_type = Accuracy(average="type")
    >>> by_type.score(Target(texts=("3",)), Prediction("ok", text="4"), {"type": "count"})
    {'correct/count': 0.0, 'count/count': 1.0}
    >>> right, asked = {"correct/count": np.array([0.0]), "correct/comp": np.array([3.0])}, {}
    >>> by_type.reduce(right | {"count/count": np.array([1.0]), "count/comp": np.array([3.0])})
    0.5

    Attributes:
        average: None for the share over all questions (OA); a tag's name for the mean of the shares over the tag's
            values (AA).
        only: keeps samples whose tag, the key, has one of the values; all where empty.
        match: `exact`; `geochat`: equal without white space around and spaces within, full stops and capitals;
            `contains`: the right answer is a part of the answer, "no" of "north" too, as VRSBench's scorer has it.
        preset: `geochat` stands for match `geochat` and the types presence, comp and rural_urban only.

    Raises:
        ConfigurationError: a preset stands beside an option that it sets itself.
    """

    average: str | None = None
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    match: Match = "exact"
    preset: Literal["geochat"] | None = None

    def __post_init__(self) -> None:
        if self.preset and (self.average or self.only or self.match != "exact"):
            raise ConfigurationError(
                f"metric 'accuracy': preset {self.preset!r} sets `match`, `only` and the average over questions "
                "itself; leave those three out, or leave the preset out."
            )

    @cached_property
    def _wanted(self) -> Mapping[str, frozenset[str]]:
        only = {"type": GEOCHAT_TYPES} if self.preset else self.only
        return {tag: frozenset(values) for tag, values in only.items()}

    @cached_property
    def _rule(self) -> Match:
        return "geochat" if self.preset else self.match

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        shares = "right answers / questions"
        formula = f"mean over {self.average!r} of {shares}" if self.average else shares
        kept = "; ".join(f"{tag} in {', '.join(sorted(values))}" for tag, values in self._wanted.items())
        formula = f"{formula}{f'; only {kept}' if kept else ''}; {RULES[self._rule]}"
        return MetricInfo("percent", "higher", formula, SOURCES[self._rule])

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns whether the answer is `correct` (1 or 0) and a `count` of 1, under the averaged tag's value.

        A sample without a right answer in words, of a task of masks say, is left out.
        """
        if not target.texts:
            return {}
        for tag, values in self._wanted.items():
            if tags.get(tag) not in values:
                return {}
        right = float(prediction.status == "ok" and MATCHES[self._rule](prediction.text or "", target.texts))
        if self.average is None:
            return {"correct": right, "count": 1.0}
        if self.average not in tags:
            return {}
        value = tags[self.average]
        return {f"correct/{value}": right, f"count/{value}": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the shares, or their means over the tag's values; a value without a question leaves it undefined."""
        values = [name.removeprefix("count") for name in totals if name.partition("/")[0] == "count"]
        shares = (ratio(totals[f"correct{value}"], totals[f"count{value}"]) for value in values)
        return reduce(add, shares) / len(values)
