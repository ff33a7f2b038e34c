"""Parsers that look for one thing in an answer: one word of a few, or one number."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from harness.errors import ConfigurationError, SampleError
from harness.parsers.readings import any_number, one_of, whole_number
from harness.parsers.text import without_thoughts
from harness.records import Prediction, Response, Sample, Target


class ReadingParser(ABC):
    """Gives a parser its two methods from one reading of a text."""

    @abstractmethod
    def read(self, text: str) -> str:
        """Returns what a text in small letters says in the task's terms.

        Raises:
            SampleError: it does not say it; the reason in words.
        """

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns what the answer says; `unparsed` or `empty`, with the reason, where it says nothing of the kind."""
        bare = without_thoughts(response.text).strip().lower()
        if not bare:
            return Prediction("empty", response.reason or "the answer is empty")
        try:
            return Prediction("ok", text=self.read(bare))
        except SampleError as error:
            return Prediction("unparsed", str(error))

    def target(self, sample: Sample) -> Target:
        """Returns the right answers, read by the same rule.

        Raises:
            SampleError: the data set's own answer does not say it.
        """
        return replace(sample.target, texts=tuple(map(self._true, sample.target.texts)))

    def _true(self, text: str) -> str:
        try:
            return self.read(text.strip().lower())
        except SampleError as error:
            raise SampleError(f"the data set's own answer is unusable: {error}") from error


@dataclass(frozen=True)
class OneOfParser(ReadingParser):
    """Finds the one of some words that an answer has, yes or no by default.

    A word counts where it stands by itself, whatever its capitals and the thoughts before it. An answer with none of
    them, or with several, is unparsed.

    >>> parser = OneOfParser()
    >>> parser.parse(Response(text="Yes, there is."), Sample("1", (), {}, Target())).text
    'yes'
    >>> parser.parse(Response(text="Yes and no."), Sample("1", (), {}, Target())).reason
    "expected yes or no, found both in 'yes and no.'"

    Attributes:
        words: the words, in small letters.
    """

    words: Sequence[str] = ("yes", "no")

    def __post_init__(self) -> None:
        if len(self.words) < 2 or any(word != word.strip().lower() or not word for word in self.words):
            raise ConfigurationError(f"`words` are at least two words in small letters; found {list(self.words)}")

    @cached_property
    def _find(self) -> Callable[[str], str]:
        return one_of(*self.words)

    def read(self, text: str) -> str:
        """Returns the word."""
        return self._find(text)


@dataclass(frozen=True)
class NumberParser(ReadingParser):
    """Finds the one number that an answer has, in digits (1,234 too) or in English words.

    An answer with no number, with several different ones, or with one below 0 is unparsed.

    >>> parser = NumberParser()
    >>> parser.parse(Response(text="I count twenty-one ships."), Sample("1", (), {}, Target())).text
    '21'

    Attributes:
        whole: whether only whole numbers will do; "none" then is 0.
    """

    whole: bool = True

    def read(self, text: str) -> str:
        """Returns the number as digits."""
        return whole_number(text) if self.whole else any_number(text)
