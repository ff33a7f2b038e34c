"""L3-Lite, Traffic-VQA's score: how sure a small judge is of "1" against "0" when asked whether two answers agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import SampleError
from harness.interfaces import MetricInfo
from harness.metrics.judged import JudgedMean, statistics
from harness.parsers.text import quoted
from harness.records import Inquiry, Prediction, Record, Target, Verdict

# The misspelling is the authors', and the judge is to read what theirs did.
PROMPT = (
    "I'm evaluating for open QA and need your assistance in determining the answers. The questions, predicted answers "
    "and ground truths are as follows. Please determine if the following two answers have the same semantic meaning:\n"
    "Question:{question}\nAnswer: {answer}\nGrount truth: {truth}\nPlease use the questions as background information, "
    "provide a similarity score between 0.00 and 1.00, where 1.00 means the answers are completely semantically "
    "equivalent, and 0.00 means they are completely different. If the answers are similar, related, or have a contain "
    "and be contained relationship, provide a decimal score between 0.00 and 1.00 . Answer with only the number, "
    "without any explanation. Your answer : "
)
LEAST = 1e-3
_NUMBER = re.compile(r"\d+\.?\d*")


@dataclass(frozen=True)
class L3Lite(JudgedMean):
    """The mean of p1 / (p1 + p0), the probabilities of "1" and "0" as the judge's first token.

    Where the two together are below 0.001, the first number that the judge writes counts, at most 1.

    >>> similarity(Verdict("1.00", {"1": 0.75, "0": 0.25})), similarity(Verdict("0.35", {".": 1.0}))
    (0.75, 0.35)

    Attributes:
        average: None for the mean over all questions; a tag's name for the mean of its values' means.
        question: the field that holds the question; the prompt where a sample has none.
        raw: whether the prompt goes to the judge without a chat template, as the authors send it.
        attempts: how often the judge is asked when what it says cannot be read.
    """

    average: str | None = None
    question: str = "question"
    raw: bool = True
    attempts: int = 1

    @property
    def template(self) -> str:
        """The authors' prompt."""
        return PROMPT

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        mean = "mean of p1 / (p1 + p0) of the judge's first token, each rounded to 0.01 %"
        formula = f"mean over {self.average!r} of the {mean}" if self.average else mean
        source = (
            "Traffic-VQA evaluation/L3_Lite.py (Deppicor/Traffic-VQA@28344178), whose judge is Qwen2.5-3B-Instruct in "
            "float16, greedy, 20 tokens; a judge that fails leaves the score undefined, where the script counts 0. An "
            "endpoint tells its most probable tokens only: one that it leaves out counts as 0."
        )
        return MetricInfo("percent", "higher", formula, source)

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns a `value` of 0 for an answer that is none, and nothing where the judge is asked."""
        return {} if prediction.status == "ok" else statistics(0.0, self.average, tags)

    def inquire(self, record: Record) -> Inquiry | None:
        """Returns the question to the judge."""
        if record.prediction.status != "ok" or not record.target.texts:
            return None
        prompt = PROMPT.format(
            question=record.fields.get(self.question) or record.prompt,
            answer=record.prediction.text or "",
            truth=record.target.texts[0],
        )
        return Inquiry(prompt, raw=self.raw, max_new_tokens=20, probabilities=True)

    def judged(self, record: Record, verdict: Verdict) -> dict[str, float]:
        """Returns the similarity as a `value` of 0 to 1.

        Raises:
            SampleError: the verdict has neither probabilities of 1 and 0 nor a number.
        """
        return statistics(round(100 * similarity(verdict), 2) / 100, self.average, record.tags)


def similarity(verdict: Verdict) -> float:
    """Returns L3-Lite's score of one verdict, 0 to 1.

    Raises:
        SampleError: the judge named no probabilities; or "1" and "0" are improbable and it wrote no number.
    """
    if not verdict.probabilities:
        raise SampleError("the judge gave no probabilities; L3-Lite needs an endpoint that gives logprobs")
    one, zero = _probability("1", verdict), _probability("0", verdict)
    if one + zero >= LEAST:
        return one / (one + zero)
    numbers = _NUMBER.findall(verdict.text)
    if not numbers:
        raise SampleError(f"expected a number from the judge, found {quoted(verdict.text)}")
    return min(1.0, float(numbers[0]))


def _probability(token: str, verdict: Verdict) -> float:
    # A tokenizer has the digit by itself, or with the space before it.
    found = verdict.probabilities
    return found.get(token, found.get(f" {token}", 0.0))
