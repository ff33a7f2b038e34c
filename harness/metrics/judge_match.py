"""VRSBench's way of scoring answers: the true answer as a part of the answer, else a judge's yes or no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import SampleError
from harness.interfaces import MetricInfo
from harness.metrics.judged import JudgedMean, statistics
from harness.parsers.text import quoted
from harness.records import Inquiry, Prediction, Record, Target, Verdict

PROMPT = (
    "Question: {question}\nGround Truth Answer: {truth}\nPredicted Answer: {answer}\nDoes the predicted answer match "
    "the ground truth? Answer 1 for match and 0 for not match. Use semantic meaning not exact match. Synonyms are also "
    "treated as a match, e.g., football and soccer, playground and ground track field, building and rooftop, pond and "
    "swimming pool. Do not explain the reason.\n"
)
CLOSED = frozenset(["yes", "no", *map(str, range(100))])


@dataclass(frozen=True)
class JudgeMatch(JudgedMean):
    """The share of answers that match the true one, a judge deciding where words do not.

    Lower-cased, an answer that holds the true one is right; where the true one is yes, no or a whole number below 100,
    any other is wrong; of the rest the judge says 1 or 0.

    >>> metric = JudgeMatch()
    >>> metric.score(Target(texts=("yes",)), Prediction("ok", text="no"), {})
    {'value': 0.0, 'count': 1.0}
    >>> metric.score(Target(texts=("soccer field",)), Prediction("ok", text="football pitch"), {})
    {}

    Attributes:
        average: None for the share over all questions (micro); a tag's name for the mean of its values' shares (macro).
        question: the field that holds the question; the prompt where a sample has none.
        attempts: how often the judge is asked when what it says cannot be read.
    """

    average: str | None = None
    question: str = "question"
    attempts: int = 3

    @property
    def template(self) -> str:
        """VRSBench's prompt."""
        return PROMPT

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        share = "share of answers that hold the true answer, or that the judge calls a match"
        over = f"mean over {self.average!r} of the {share}" if self.average else share
        source = (
            "VRSBench eval_vqa_gpt.ipynb (lx709/VRSBench@d38cee11), whose judge is gpt-4o-mini; a judge that fails "
            "leaves the score undefined, where the notebook counts it as wrong."
        )
        return MetricInfo("percent", "higher", over, source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns a `value` of 1 or 0 where words decide, and nothing where the judge must."""
        decided = _decided(target, prediction)
        return {} if decided is None else statistics(decided, self.average, tags)

    def inquire(self, record: Record) -> Inquiry | None:
        """Returns the question to the judge where words do not decide."""
        if not record.target.texts or _decided(record.target, record.prediction) is not None:
            return None
        prompt = PROMPT.format(
            question=record.fields.get(self.question) or record.prompt,
            truth=record.target.texts[0].lower(),
            answer=(record.prediction.text or "").lower(),
        )
        return Inquiry(prompt, max_new_tokens=100)

    def judged(self, record: Record, verdict: Verdict) -> dict[str, float]:
        """Returns a `value` of 1 or 0.

        Raises:
            SampleError: the judge said neither.
        """
        said = verdict.text.strip().removesuffix(".")
        if said not in ("0", "1"):
            raise SampleError(f"expected 1 or 0 from the judge, found {quoted(verdict.text)}")
        return statistics(float(said), self.average, record.tags)


def _decided(target: Target, prediction: Prediction) -> float | None:
    """1 or 0 where words decide, else None; a sample without a true answer is for nobody to decide."""
    if prediction.status != "ok" or not target.texts:
        return 0.0
    truth, answer = target.texts[0].lower(), (prediction.text or "").lower()
    if truth in answer:
        return 1.0
    return 0.0 if truth in CLOSED else None
