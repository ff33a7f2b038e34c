"""What several parsers read in an answer: one word of a few, or one number. What they cannot read they name."""

import re
from collections.abc import Callable
from math import isfinite

from harness.errors import SampleError
from harness.parsers.numbers import numbers
from harness.parsers.text import quoted


def one_of(*words: str) -> Callable[[str], str]:
    """Returns what finds the one of some words that a lower-case text has.

    It raises SampleError where the text has none of them, or several.

    >>> one_of("yes", "no")("yes, there is a road.")
    'yes'
    """
    expected = " or ".join(words)
    too_many = "both" if len(words) == 2 else "several"
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")

    def read(text: str) -> str:
        found = set(pattern.findall(text))
        if len(found) > 1:
            raise SampleError(f"expected {expected}, found {too_many} in {quoted(text)}")
        if not found:
            raise SampleError(f"expected {expected}, found {quoted(text)}")
        return str(found.pop())

    return read


def one_number(text: str, expected: str) -> float:
    """Returns the one number of a lower-case text, in digits or words, not below 0.

    Raises:
        SampleError: the text has no number, several different ones, or one below 0.
    """
    found = set(numbers(text))
    if len(found) > 1:
        raise SampleError(f"expected {expected}, found several in {quoted(text)}")
    if not found:
        raise SampleError(f"expected {expected}, found {quoted(text)}")
    value = found.pop()
    if value < 0 or not isfinite(value):
        raise SampleError(f"expected {expected}, found one below 0 or beyond all bounds in {quoted(text)}")
    return value


def whole_number(text: str) -> str:
    """Returns the one whole number of a lower-case text as digits; "none" is 0.

    Raises:
        SampleError: as `one_number`, or the number is not whole.

    >>> whole_number("there are twenty-one cars."), whole_number("1,200")
    ('21', '1200')
    """
    value = 0.0 if text.strip(" .") == "none" else one_number(text, "a number")
    if value != int(value):
        raise SampleError(f"expected a whole number, found {quoted(text)}")
    return str(int(value))


def any_number(text: str) -> str:
    """Returns the one number of a lower-case text as digits, whole ones without a point.

    Raises:
        SampleError: as `one_number`.
    """
    value = one_number(text, "a number")
    return str(int(value)) if value == int(value) else str(value)
