"""A score in the manner of G-Eval: a judge rates an answer on a scale by a stated criterion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import ConfigurationError, SampleError
from harness.interfaces import MetricInfo
from harness.metrics.judged import JudgedMean, statistics
from harness.parsers.text import quoted
from harness.records import Inquiry, Prediction, Record, Target, Verdict

PROMPT = (
    "You rate one answer about an image that you do not see.\n\n{question}Right answer:\n{references}\nAnswer to "
    "rate:\n{answer}\n\nCriterion: {criterion}\n\nWrite one whole number from 1 (worst) to {scale} (best), and nothing "
    "else.\nRating: "
)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class GEval(JudgedMean):
    """The mean of a judge's ratings, from 1 to `scale` brought to 0 to 1.

    As G-Eval does, a rating is the mean of the scale's numbers weighted by their probabilities as the judge's first
    token, where the judge tells them; else it is the number that it writes.

    >>> metric = GEval(criterion="Nothing is said that the right answer does not hold.", scale=5)
    >>> metric.rating(Verdict("4", {"4": 0.75, "5": 0.25})), metric.rating(Verdict("3"))
    (4.25, 3.0)

    Attributes:
        criterion: what is rated, in words.
        scale: the best rating, 2 to 9, so that a rating is one token.
        question: the field that holds the question; none where empty.
        attempts: how often the judge is asked when what it says cannot be read.

    Raises:
        ConfigurationError: the scale is out of range.
    """

    criterion: str
    scale: int = 5
    question: str = ""
    attempts: int = 3

    def __post_init__(self) -> None:
        if not 2 <= self.scale <= 9:
            raise ConfigurationError(f"metric 'g_eval': `scale` is the best rating, 2 to 9, found {self.scale}.")

    @property
    def template(self) -> str:
        """The prompt with criterion and scale."""
        return PROMPT.replace("{criterion}", self.criterion).replace("{scale}", str(self.scale))

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = f"mean of (rating - 1) / {self.scale - 1}, the rating weighted by the first token's probabilities"
        source = "G-Eval (Liu et al., EMNLP 2023, arXiv:2303.16634), section 2; the prompt is this harness's own."
        return MetricInfo("score", "higher", formula, source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns a `value` of 0 for an answer that is none, and nothing where the judge is asked."""
        return {} if prediction.status == "ok" and prediction.text else statistics(0.0, None, tags)

    def inquire(self, record: Record) -> Inquiry | None:
        """Returns the question to the judge."""
        if record.prediction.status != "ok" or not record.prediction.text:
            return None
        asked = f"Question:\n{record.fields.get(self.question, '')}\n" if self.question else ""
        prompt = PROMPT.format(
            question=asked,
            references="\n".join(record.target.texts),
            answer=record.prediction.text,
            criterion=self.criterion,
            scale=self.scale,
        )
        return Inquiry(prompt, max_new_tokens=8, probabilities=True)

    def judged(self, record: Record, verdict: Verdict) -> dict[str, float]:
        """Returns the rating as a `value` of 0 to 1.

        Raises:
            SampleError: the verdict holds no rating of the scale.
        """
        return statistics((self.rating(verdict) - 1) / (self.scale - 1), None, record.tags)

    def rating(self, verdict: Verdict) -> float:
        """Returns the rating, 1 to `scale`.

        Raises:
            SampleError: there is none.
        """
        ratings = range(1, self.scale + 1)
        weights = {n: sum(p for token, p in verdict.probabilities.items() if token.strip() == str(n)) for n in ratings}
        total = sum(weights.values())
        if total > 0:
            return sum(number * weight for number, weight in weights.items()) / total
        numbers = [int(found) for found in _NUMBER.findall(verdict.text)]
        if len(numbers) != 1 or numbers[0] not in ratings:
            raise SampleError(f"expected a whole number from 1 to {self.scale}, found {quoted(verdict.text)}")
        return float(numbers[0])
