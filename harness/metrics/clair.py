"""CLAIR: how likely a judge thinks it that two sets of captions describe one image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from harness.errors import SampleError
from harness.interfaces import MetricInfo
from harness.metrics.judged import JudgedMean, statistics
from harness.parsers.text import quoted
from harness.records import Inquiry, Prediction, Record, Target, Verdict

PROMPT = (
    "You are trying to tell if a candidate set of captions is describing the same image as a reference set of "
    "captions.\nCandidate set:\n{candidates}\nReference set:\n{references}\nOn a precise scale from 0 to 100, how "
    "likely is it that the candidate set is describing the same image as the reference set? (JSON format, with a key "
    '"score", value between 0 and 100, and a key "reason" with a string value.)\n'
)
_NUMBER = re.compile(r"\d*\.?\d+")
_OBJECT = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Clair(JudgedMean):
    """The mean of the judge's scores, 0 to 100, over 100 (Chan et al., EMNLP 2023, arXiv:2310.12971).

    >>> metric = Clair()
    >>> metric.score(Target(texts=("a ship",)), Prediction("empty"), {}), read_score('{"score": 80, "reason": "x"}')
    ({'value': 0.0, 'count': 1.0}, 0.8)

    Attributes:
        max_new_tokens: upper bound on the judge's tokens.
        attempts: how often the judge is asked when what it says cannot be read.
    """

    max_new_tokens: int = 100
    attempts: int = 3

    @property
    def template(self) -> str:
        """CLAIR's prompt."""
        return PROMPT

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        source = (
            "CLAIR clair.py (DavidMChan/clair@f33f96d5; VRSBench uses it with gpt-4o, 100 tokens and the usual "
            "temperature, here 0); after three verdicts that cannot be read the score is undefined, where both scripts "
            "count 0."
        )
        return MetricInfo("score", "higher", "mean of the judge's score of 0 to 100, over 100", source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns a `value` of 0 for an answer without a caption, and nothing where the judge is asked."""
        return {} if prediction.status == "ok" and prediction.text else statistics(0.0, None, tags)

    def inquire(self, record: Record) -> Inquiry | None:
        """Returns the question to the judge."""
        if record.prediction.status != "ok" or not record.prediction.text:
            return None
        prompt = PROMPT.format(candidates=f"- {record.prediction.text}\n", references=_listed(record.target.texts))
        return Inquiry(prompt, max_new_tokens=self.max_new_tokens)

    def judged(self, record: Record, verdict: Verdict) -> dict[str, float]:
        """Returns the score as a `value` of 0 to 1.

        Raises:
            SampleError: the verdict has no score, or one beyond 100.
        """
        return statistics(read_score(verdict.text), None, record.tags)


def _listed(captions: tuple[str, ...]) -> str:
    return "".join(f"- {caption}\n" for caption in captions)


def read_score(text: str) -> float:
    """Returns a verdict's score over 100: the key `score` of its first JSON object, else its first number.

    A bare number below 1 is a share already.

    >>> read_score("I would say 75."), read_score("0.5")
    (0.75, 0.5)

    Raises:
        SampleError: there is none, or it is beyond 100.
    """
    score = _json_score(text)
    if score is None:
        numbers = _NUMBER.findall(text)
        if not numbers:
            raise SampleError(f"expected a score from the judge, found {quoted(text)}")
        score = float(numbers[0])
        score = score * 100 if score < 1 else score
    if not 0 <= score <= 100:
        raise SampleError(f"expected a score of 0 to 100 from the judge, found {score:g} in {quoted(text)}")
    return score / 100


def _json_score(text: str) -> float | None:
    match = _OBJECT.search(text)
    try:
        return float(orjson.loads(match[0])["score"]) if match else None
    except (ValueError, KeyError, TypeError):
        return None
