"""RSVQA's answers: yes or no, rural or urban, counts and areas, with the official bins of the last two.

The bins are those of the authors' code (syvlo/RSVQA, VocabEncoder): 0 by itself, then 1 to 10, 11 to 100, 101 to 1000,
and more.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from harness.errors import SampleError
from harness.parsers.readings import one_number, one_of, whole_number
from harness.parsers.short_answer import DEFAULT_STEPS
from harness.parsers.text import normalise, quoted, without_thoughts
from harness.records import Prediction, Response, Sample, Target

Bins = Literal["none", "lr", "hr"]

_EDGES = (0, 10, 100, 1000)
_AREA_UNIT = re.compile(
    r"(?<=[\d\s])(?:m\s?\^?\s?2|m\u00b2|sqm|sq\.?\s?m(?:et(?:er|re)s?)?|square[\s-]met(?:er|re)s?)(?!\w)"
)
_OTHER_UNIT = re.compile(
    r"(?<=[\d\s])(?:[kc]m\s?\^?\s?2|[kc]m\u00b2|ha|hectares?|acres?|ft\s?\^?\s?2|square[\s-](?!met)\w+)(?!\w)"
)
_RANGE = re.compile(r"between (\d+) and (\d+)")
_MORE = re.compile(r"more than (\d+)")


def _bin(value: float, unit: str) -> str:
    if value == 0:
        return f"0{unit}"
    for low, high in pairwise(_EDGES):
        if value <= high:
            return f"between {low}{unit} and {high}{unit}"
    return f"more than {_EDGES[-1]}{unit}"


def _named_bin(text: str, unit: str) -> str | None:
    """The bin that a text names by its edges."""
    if found := _RANGE.search(text):
        low, high = int(found[1]), int(found[2])
        return _bin(high, unit) if (low, high) in pairwise(_EDGES) else None
    if found := _MORE.search(text):
        return _bin(_EDGES[-1] + 1, unit) if int(found[1]) == _EDGES[-1] else None
    return None


def _binned_count(text: str) -> str:
    return _named_bin(text, "") or _bin(int(whole_number(text)), "")


def _without_area_unit(text: str) -> str:
    if _OTHER_UNIT.search(text):
        raise SampleError(f"expected an area in square metres, found another unit in {quoted(text)}")
    return _AREA_UNIT.sub("", text)


def _area(text: str) -> str:
    value = one_number(_without_area_unit(text), "an area in square metres")
    return f"{int(value) if value == int(value) else value}m2"


def _binned_area(text: str) -> str:
    bare = _without_area_unit(text)
    return _named_bin(re.sub(r"\s+", " ", bare), "m2") or _bin(one_number(bare, "an area in square metres"), "m2")


def _word(text: str) -> str:
    return normalise(text, DEFAULT_STEPS)


_WORDED: Mapping[str, Callable[[str], str]] = {
    "presence": one_of("yes", "no"),
    "comp": one_of("yes", "no"),
    "rural_urban": one_of("rural", "urban"),
}
READINGS: Mapping[Bins, Mapping[str, Callable[[str], str]]] = {
    "none": {**_WORDED, "count": whole_number, "area": _area},
    "lr": {**_WORDED, "count": _binned_count, "area": _area},
    "hr": {**_WORDED, "count": whole_number, "area": _binned_area},
}


# A data set of a hundred thousand questions has a few hundred different answers.
@lru_cache(maxsize=4096)
def _read(bins: Bins, kind: str, text: str) -> Prediction:
    bare = without_thoughts(text).strip().lower()
    if not bare:
        return Prediction("empty", "the answer is empty")
    try:
        return Prediction("ok", text=READINGS[bins].get(kind, _word)(bare))
    except SampleError as error:
        return Prediction("unparsed", str(error))


@lru_cache(maxsize=4096)
def _target(bins: Bins, kind: str, accepted: tuple[str, ...]) -> Target:
    return Target(texts=tuple(_true(_read(bins, kind, text), kind) for text in accepted))


def _true(read: Prediction, kind: str) -> str:
    if read.text is None:
        raise SampleError(f"the data set's own answer to a question of type {kind!r} is unusable: {read.reason}")
    return read.text


@dataclass(frozen=True)
class RsvqaAnswerParser:
    """Reads answers to RSVQA's questions by the question's type, and the data set's answers by the same rules.

    - presence, comp: `yes` or `no` as a word; an answer with both, or neither, is unparsed.
    - rural_urban: `rural` or `urban`, likewise.
    - count: one whole number in digits (1,234 too) or English words; `none` is 0. Several different numbers are
      unparsed.
    - area: one number, of square metres whether or not they are named; another unit is unparsed.
    - any other type: the answer as it is, without white space around, capitals and a full stop at the end.

    A bin may also be answered by its official name, `between 10 and 100` for example.

    >>> parser = RsvqaAnswerParser(bins="hr")
    >>> question = Sample("1", (), {}, Target(texts=("17m2",)), tags={"type": "area"})
    >>> parser.parse(Response(text="The area is 42 m²."), question).text, parser.target(question).texts
    ('between 10m2 and 100m2', ('between 10m2 and 100m2',))
    >>> parser.parse(Response(text="A roof."), Sample("2", (), {}, Target(), tags={"type": "presence"})).reason
    "expected yes or no, found 'a roof.'"

    Attributes:
        bins: `lr` bins counts, `hr` bins areas, as the two data sets' authors do; `none` bins nothing.
        tag: the tag that holds a question's type.
    """

    bins: Bins = "none"
    tag: str = "type"

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the answer as one of the type's answers; `unparsed` or `empty`, with the reason, when it is none."""
        read = _read(self.bins, sample.tags.get(self.tag, ""), response.text)
        return Prediction("empty", response.reason) if read.status == "empty" and response.reason else read

    def target(self, sample: Sample) -> Target:
        """Returns the right answer as one of the type's answers.

        Raises:
            SampleError: the data set's answer is none of them.
        """
        return _target(self.bins, sample.tags.get(self.tag, ""), sample.target.texts)
