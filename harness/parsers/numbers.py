"""Numbers in answers: digits, with thousands separators, and English number words."""

import re

# fmt: off
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_SMALL = {word: value for value, word in enumerate(_UNITS)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6}
_WORD = "|".join(sorted([*_SMALL, *_LARGE], key=len, reverse=True))
_WORDS = re.compile(rf"\b(?:{_WORD})(?:(?:[\s-]+|\s+and\s+)(?:{_WORD}))*\b")
_DIGITS = re.compile(r"(?<![\w.])[-\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w)")


def numbers(text: str) -> list[float]:
    """Returns every number of a lower-case text; a number glued to letters is none.

    >>> numbers("1,234 of 07"), numbers("twenty-one or a hundred and five"), numbers("h2o")
    ([1234.0, 7.0], [21.0, 105.0], [])
    """
    digits = [float(found.replace(",", "").replace("\u2212", "-")) for found in _DIGITS.findall(text)]
    return digits + [float(_value(words)) for words in _WORDS.findall(text)]


def _value(words: str) -> int:
    """What number words say: "two hundred and five thousand" is (2 * 100 + 5) * 1000."""
    total = part = 0
    for word in re.split(r"[\s-]+", words):
        if word in _SMALL:
            part += _SMALL[word]
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word in _LARGE:
            total, part = total + max(part, 1) * _LARGE[word], 0
    return total + part
