"""What a text says of a picture, said of the same picture turned or mirrored.

What a word means is told by the words beside it: `right` is a side in "on the right" and none in "right next to". Where
they do not tell, or the changed picture calls for more than other words, there is no rewording.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geopix.training.augmentation import directions
from geopix.training.augmentation.directions import HEIGHTS, RELATIONS, SIDES, WORDS, Family
from geopix.training.augmentation.symmetry import IDENTITY, NORTH, Symmetry

TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
JOINTS = frozenset({" ", "-", "/"})
VOWELS = "aeiou"


class _UnsayableError(Exception):
    """A text has a word that cannot be said of the changed picture."""


@dataclass(frozen=True)
class _Word:
    """A word of a text.

    Attributes:
        text: as it is written.
        gap: what stands between the word before and this one.
    """

    text: str
    gap: str

    @property
    def low(self) -> str:
        return self.text.lower()

    @property
    def joined(self) -> bool:
        """Whether it belongs to the same clause as the word before."""
        return self.gap in JOINTS


def reworded(text: str, change: Symmetry) -> str | None:
    """Returns what a text says, said of the changed picture; None where that is not sure.

    >>> reworded("the ship in the upper left of the image", Symmetry(mirrored=True))
    'the ship in the upper right of the image'
    >>> reworded("the ship in the upper left of the image", Symmetry(turns=1))
    'the ship in the lower left of the image'
    >>> reworded("the house right next to the river", Symmetry(mirrored=True))
    'the house right next to the river'
    >>> reworded("the area left by the river", Symmetry(mirrored=True)) is None
    True
    """
    if change == IDENTITY:
        return text
    if any(letter.isalpha() and not letter.isascii() for letter in text):
        return None  # no English: nobody here knows its words
    words, tail = _split(text)
    try:
        _refuse(text, words, change)
        return "".join(word.gap + word.text for word in _with_articles(_changed(words, change))) + tail
    except _UnsayableError:
        return None


def _split(text: str) -> tuple[list[_Word], str]:
    words, end = [], 0
    for match in TOKEN.finditer(text):
        words.append(_Word(match[0], text[end : match.start()]))
        end = match.end()
    return words, text[end:]


def _refuse(text: str, words: Sequence[_Word], change: Symmetry) -> None:
    said = {word.low for word in words}
    upwards = change.direction(NORTH) != NORTH
    heights = said & directions.PHYSICAL and said & {"above", "below"}
    if said & directions.NEVER or directions.NUMBERED.search(text):
        raise _UnsayableError
    if upwards and (said & directions.NEVER_UPWARDS or heights):
        raise _UnsayableError


def _changed(words: Sequence[_Word], change: Symmetry) -> Iterator[_Word]:
    place = 0
    while place < len(words):
        for rule in (_beside, _corner, _single):
            taken = rule(words, place, change)
            if taken is not None:
                length, new = taken
                yield from new
                place += length
                break
        else:
            yield words[place]
            place += 1


_Taken = tuple[int, list[_Word]] | None  # how many words a rule takes and what it puts there; None where it has no say


def _beside(words: Sequence[_Word], place: int, change: Symmetry) -> _Taken:
    """What turns from "to the left of the quay" into "above the quay"; a side of the image itself does not."""
    lead = 2 if [word.low for word in words[place : place + 2]] == ["to", "the"] else 0
    phrase = words[place : place + lead + 2]
    if not change.swaps_axes or [word.low for word in phrase[lead:]] not in (["left", "of"], ["right", "of"]):
        return None
    before = _before(words, place)
    if _of_image(words[place + lead + 2 :]) or (not lead and before in directions.AMBIGUOUS):
        return None
    if not lead and before == "the":
        raise _UnsayableError  # "on the left of the quay" is beside the quay, or a part of it
    direction = WORDS[phrase[lead].low][1]
    return len(phrase), [_like(phrase[0], RELATIONS[change.direction(direction)])]


def _of_image(words: Sequence[_Word]) -> bool:
    return any(word.low in directions.IMAGES for word in words[:3])


def _corner(words: Sequence[_Word], place: int, change: Symmetry) -> _Taken:
    """Two words that name one direction together: upper left, left-top, north east."""
    pair = words[place : place + 2]
    if len(pair) < 2 or not pair[1].joined or not all(word.low in WORDS for word in pair):
        return None
    (family, one), (other_family, other) = (WORDS[word.low] for word in pair)
    if not _alike(family, other_family) or {one[0] == 0, other[0] == 0} != {True, False}:
        return None
    x, y = change.direction((one[0] + other[0], one[1] + other[1]))
    spelt = (family[0, y], other_family[x, 0]) if one[0] == 0 else (family[x, 0], other_family[0, y])
    return 2, [_like(word, text) for word, text in zip(pair, spelt, strict=True)]


def _alike(one: Family, other: Family) -> bool:
    spoken = (SIDES, HEIGHTS)
    return (one is other and one is not RELATIONS) or all(any(each is own for own in spoken) for each in (one, other))


def _single(words: Sequence[_Word], place: int, change: Symmetry) -> _Taken:
    """One word with a direction."""
    word = words[place]
    if change.swaps_axes and word.low in directions.ALONG:
        return 1, [_like(word, directions.ALONG[word.low])]
    if word.low not in WORDS:
        return None
    family, direction = WORDS[word.low]
    said = family[change.direction(direction)]
    if said == word.low:
        return None
    if word.low in directions.AMBIGUOUS and not _is_side(words, place, change):
        return 1, [word]
    if family is RELATIONS and _after(words, place) == "":
        said = said.removesuffix(" of")
    return 1, [_like(word, said)]


def _is_side(words: Sequence[_Word], place: int, change: Symmetry) -> bool:
    """Whether an ambiguous word means a side of something; False where it surely does not.

    Raises:
        _UnsayableError: the words beside it do not tell.
    """
    word, before, after = words[place].low, _before(words, place), _after(words, place)
    if before in directions.TURNINGS or after in directions.NO_SIDES or (after == "hand" and change.swaps_axes):
        if word == "top" and after in ("view", "down"):
            return False
        raise _UnsayableError
    if word == "top" and after == "of" and before in ("on", "the") and not _of_image(words[place + 2 :]):
        return _top_of(words, place)
    led = before in directions.LEADS
    if word == "right" and not led and after in directions.ADVERBS:
        return False
    if led or after in directions.FOLLOWERS or after == "":
        return True
    raise _UnsayableError


def _top_of(words: Sequence[_Word], place: int) -> bool:
    if _before(words, place) == "on":
        return False  # "on top of the roof" is a height
    if _before(words, place - 1) == "on":
        raise _UnsayableError  # "on the top of the hill" may be one
    return True


def _before(words: Sequence[_Word], place: int) -> str:
    return words[place - 1].low if place > 0 and words[place].joined else ""


def _after(words: Sequence[_Word], place: int) -> str:
    return words[place + 1].low if place + 1 < len(words) and words[place + 1].joined else ""


def _like(word: _Word, text: str) -> _Word:
    """Another word in a word's place, its letters as large."""
    if word.text.isupper():
        text = text.upper()
    elif word.text[0].isupper():
        text = text[0].upper() + text[1:]
    return _Word(text, word.gap)


def _with_articles(words: Iterator[_Word]) -> Iterator[_Word]:
    """Mends "a" and "an" before a word that was changed: an upper corner, a lower corner."""
    held: _Word | None = None
    for word in words:
        if held is not None:
            yield _article(held, word) if word.low in WORDS and word.gap == " " else held
        held = word
    if held is not None:
        yield held


def _article(word: _Word, following: _Word) -> _Word:
    if word.low not in ("a", "an"):
        return word
    return _like(word, "an" if following.low[0] in VOWELS else "a")
