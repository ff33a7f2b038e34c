"""Names of classes in an answer: as they are spelt, as synonyms, within a sentence, or nearly so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from harness.errors import SampleError
from harness.parsers.text import quoted

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART = re.compile(r"[\W_]+")
_NEGATION = re.compile(r"\b(?:no|not|nor|neither|without|never)\b|n't\b", re.IGNORECASE)
NEAR = 0.8  # how alike two names are at least, by difflib's ratio
CLEARER = 0.1  # how much more alike the best one is than the second
FEW_WORDS = 4  # a longer answer is a sentence and is not taken for one name misspelt


def words_of(name: str) -> str:
    """Returns a name as words in small letters: of camel case, underscores, hyphens or spaces.

    >>> words_of("DenseResidential"), words_of("baseball_diamond"), words_of("Sea-Lake.")
    ('dense residential', 'baseball diamond', 'sea lake')
    """
    return _APART.sub(" ", _CAMEL.sub(" ", name)).strip().lower()


def key_of(name: str) -> str:
    """Returns what two spellings of one name have in common: its letters and digits.

    >>> key_of("Dense Residential") == key_of("denseresidential.")
    True
    """
    return words_of(name).replace(" ", "")


@dataclass(frozen=True)
class Names:
    """Some classes and the names they go by.

    Attributes:
        classes: the classes' names, which are also what is given back.
        synonyms: further names of classes.
    """

    classes: Sequence[str]
    synonyms: Mapping[str, Sequence[str]]

    @cached_property
    def _known(self) -> dict[str, str]:
        """Each name's words to its class."""
        further = {words_of(other): name for name, others in self.synonyms.items() for other in others}
        return further | {words_of(name): name for name in self.classes}

    @cached_property
    def _keys(self) -> dict[str, str]:
        return {words.replace(" ", ""): name for words, name in self._known.items()}

    def find(self, text: str) -> tuple[str, str | None]:
        """Returns the one class that an answer names, and how it was read where it is not spelt as the class.

        Raises:
            SampleError: the answer names no class, or several.
        """
        if exact := self._keys.get(key_of(text)):
            return exact, None
        if _NEGATION.search(text):
            raise SampleError(f"expected a class, found a negation in {quoted(text)}")
        named = self._within(words_of(text))
        if len(named) > 1:
            raise SampleError(f"expected one class, found {', '.join(sorted(named))} in {quoted(text)}")
        if named:
            return named.pop(), "found within the answer"
        return self._nearest(text), "the nearest name"

    def _within(self, text: str) -> set[str]:
        """The classes that a sentence names; of names that hold one another, the longer."""
        found = set()
        for words in sorted(self._known, key=len, reverse=True):
            pattern = re.compile(rf"\b{re.escape(words)}\b")
            if pattern.search(text):
                found.add(self._known[words])
                text = pattern.sub("#", text)
        return found

    def _nearest(self, text: str) -> str:
        expected = f"expected one of {len(self.classes)} classes, found {quoted(text)}"
        key = key_of(text)
        longest = max(map(len, self._keys))
        if not key or len(key) > 2 * longest or len(words_of(text).split()) > FEW_WORDS:
            raise SampleError(expected)
        alike: dict[str, float] = {}
        for other, name in self._keys.items():
            alike[name] = max(alike.get(name, 0.0), SequenceMatcher(None, key, other).ratio())
        (best, first), (second, next_best) = sorted(alike.items(), key=lambda pair: -pair[1])[:2]
        if first < NEAR:
            raise SampleError(expected)
        if first - next_best < CLEARER:
            raise SampleError(f"{expected}, which may be {best} or {second}")
        return best
