"""Answers that choose one of several given ones by its letter: (B), B., "the answer is B"."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness.errors import ConfigurationError, SampleError
from harness.parsers.names import key_of
from harness.parsers.text import quoted, without_thoughts
from harness.records import Prediction, Response, Sample, Target

_LISTED = re.compile(r"^\s*\(?([A-Za-z])[).:]\s+(.+)$")
# A and I before another word are articles and pronouns, unless the word goes on about the choice.
_LETTER = r"\(([A-Z])\)|([A-Z])(?![\w'])(?<![AI](?=\s+(?!(?:or|and|because|since|as|but)\b)\w))"
_SAID = re.compile(rf"(?i:\b(?:answer|option|choice)\b)(?i:\s+is|\s*:|\s+would\s+be)*[\s*\"']*(?:{_LETTER})")
_LEADING = re.compile(r"\A(?:\(([A-Z])\)|([A-Z])(?:[.):](?=\s|\Z)|\s*\n))")
_BRACKETED = re.compile(r"\(([A-Z])\)")
_MARKS = " \t\n.()[]{}:*\"'`"


@dataclass(frozen=True)
class ChoiceParser:
    """Finds the letter that an answer chooses.

    Tried in this order, and the first that finds something decides: the answer is a letter, in brackets or with a full
    stop; it says "answer is B", "option B" or "choice: B"; it begins with a letter as lists have it, `B.` or `B)`, or
    has letters in brackets; it is, word for word, one of the choices. Within a sentence a letter must be a
    capital, and an article is none. Several different letters, or none, make an answer unparsed.

    >>> parser = ChoiceParser(letters="ABC")
    >>> sample = Sample("1", (), {}, Target(texts=("B",)))
    >>> [parser.parse(Response(text=text), sample).text for text in ("b", "(B) river", "The answer is B, a river.")]
    ['B', 'B', 'B']
    >>> parser.parse(Response(text="A river is seen."), sample).reason
    "expected one of the letters A, B, C, found 'A river is seen.'"

    Attributes:
        letters: the letters that may be chosen.
        choices: the prompt field with the choices, one a line in the letters' order; a letter and `.` or `)` before
            one is left out. Empty where answers are letters alone.
    """

    letters: str = "ABCD"
    choices: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z]{2,26}", self.letters) or len(set(self.letters)) < len(self.letters):
            raise ConfigurationError(f"`letters` are different capitals, two at least; found {self.letters!r}")

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the letter; `unparsed` or `empty`, with the reason, where there is none."""
        text = without_thoughts(response.text).strip()
        if not text:
            return Prediction("empty", response.reason or "the answer is empty")
        try:
            return Prediction("ok", text=self._read(text, self._choices(sample)))
        except SampleError as error:
            return Prediction("unparsed", str(error))

    def target(self, sample: Sample) -> Target:
        """Returns the right letter; the data set may give it as the choice's words.

        Raises:
            SampleError: the data set's own answer is no letter and no choice.
        """
        choices = self._choices(sample)
        try:
            texts = tuple(self._read(text.strip(), choices) for text in sample.target.texts)
        except SampleError as error:
            raise SampleError(f"the data set's own answer is unusable: {error}") from error
        return replace(sample.target, texts=texts)

    def _choices(self, sample: Sample) -> Mapping[str, str]:
        """Each choice's words to its letter."""
        lines = sample.fields.get(self.choices, "").splitlines() if self.choices else []
        texts = [found[2] if (found := _LISTED.match(line)) else line for line in lines]
        return {key_of(text): letter for letter, text in zip(self.letters, texts, strict=False)}

    def _read(self, text: str, choices: Mapping[str, str]) -> str:
        letters = self.letters[: len(choices)] or self.letters
        for found in _findings(text, letters, choices):
            if len(found) > 1:
                raise SampleError(f"expected one letter, found {', '.join(sorted(found))} in {quoted(text)}")
            if found:
                return found.pop()
        raise SampleError(f"expected one of the letters {', '.join(letters)}, found {quoted(text)}")


def _findings(text: str, letters: str, choices: Mapping[str, str]) -> Iterator[set[str]]:
    """The letters that each way of looking finds, the surest first."""
    bare = text.strip(_MARKS).upper()
    yield {bare} if len(bare) == 1 and bare in letters else set()
    yield _letters(_SAID, text, letters)
    yield _letters(_LEADING, text, letters) | _letters(_BRACKETED, text, letters)
    yield {choices[key]} if (key := key_of(text)) in choices else set()


def _letters(pattern: re.Pattern[str], text: str, letters: str) -> set[str]:
    found = {letter for match in pattern.finditer(text) for letter in match.groups() if letter}
    return found & set(letters)
