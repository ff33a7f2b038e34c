"""How boxes are spelt in answers: each spelling finds groups of numbers, whatever their frame."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from harness.boxes import Frame
from harness.errors import SampleError, nearest
from harness.parsers.text import quoted

Order = Literal["xyxy", "xywh", "yxyx"]
Spelling = Literal["braces", "locations", "points", "lists", "parentheses", "bare"]

_NUMBER = r"[-+\u2212]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+|[nN][aA][nN]|[iI]nf(?:inity)?)"
_ROW = rf"{_NUMBER}(?:\s*,\s*{_NUMBER})+"
_ANY = re.compile(_NUMBER)
_BRACES = re.compile(rf"\{{\s*((?:<\s*{_NUMBER}\s*>\s*)+)(?:\|\s*<?\s*({_NUMBER})\s*>?\s*)?\}}")
_LOCATIONS = re.compile(r"(?:<loc\d{4}>\s*)+")
_POINTS = re.compile(rf"\(\s*({_NUMBER}\s*,\s*{_NUMBER})\s*\)(?:\s*,)?\s*\(\s*({_NUMBER}\s*,\s*{_NUMBER})\s*\)")
_CORNERS = re.compile(
    rf"\[\s*(\[\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\](?:\s*,\s*\[\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\])+)\s*\]"
)
_LIST = re.compile(rf"\[\s*({_ROW})(?:\s*,)?\s*\]")
_PARENTHESES = re.compile(rf"\(\s*({_ROW})\s*\)")
_BARE = re.compile(rf"\s*({_NUMBER}(?:(?:\s*,\s*|\s+){_NUMBER})+)(?:\s*\.)?\s*")
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Spoken:
    """A box as it stands in an answer.

    Attributes:
        numbers: four, or x and y of four corners or more, in turns; any other count is no box.
        angle: degrees by which the box is turned; None where it is upright.
        spelling: how it is spelt.
    """

    numbers: tuple[float, ...]
    angle: float | None
    spelling: Spelling


@dataclass(frozen=True)
class Family:
    """How a family of models writes its boxes.

    Attributes:
        frame: what its numbers count.
        order: what its four numbers are.
        spellings: what is looked for, in this order; the first that occurs is read.
        fifth: what a fifth number in a list is: the `angle` in degrees, or nothing known.
    """

    frame: Frame
    order: Order = "xyxy"
    spellings: tuple[Spelling, ...] = ("braces", "locations", "points", "lists", "parentheses", "bare")
    fifth: Literal["angle", "unknown"] = "unknown"


_LISTS: tuple[Spelling, ...] = ("lists", "parentheses", "bare")
#: `qwen2_5_vl` counts pixels of the picture as the model saw it; where that is not the image as stored, the response
#: says its size (`Response.seen`).
FAMILIES: dict[str, Family] = {
    "geopix": Family("0-100", spellings=("braces",)),
    "minigpt": Family("0-100", spellings=("braces",)),
    "geochat": Family("0-100", spellings=("braces",)),
    "earthdial": Family("0-100", spellings=("lists",), fifth="angle"),
    "qwen_vl": Family("0-1000", spellings=("points",)),
    "qwen2_5_vl": Family("pixels", spellings=_LISTS),
    "qwen3_vl": Family("0-1000", spellings=_LISTS),
    "internvl": Family("0-1000", spellings=_LISTS),
    "llava": Family("0-1", spellings=_LISTS),
    "paligemma": Family("0-1024", order="yxyx", spellings=("locations",)),
}


def family(name: str) -> Family:
    """Returns a family by its name.

    Raises:
        SampleError: there is no such family; the nearest is suggested.
    """
    if name not in FAMILIES:
        raise SampleError(f"unknown family of boxes {name!r}.{nearest(name, FAMILIES)} Known: {', '.join(FAMILIES)}.")
    return FAMILIES[name]


def spoken(text: str, found: Family) -> tuple[Spoken, ...]:
    """Returns the boxes of an answer, spelt as a family spells them.

    The first spelling that occurs is read. Where its groups are boxes in part only, those that are none are left out:
    `[1]` in front of a box is a remark.

    >>> spoken("It is {<10><20><30><40>|<90>}.", FAMILIES["geochat"])
    (Spoken(numbers=(10.0, 20.0, 30.0, 40.0), angle=90.0, spelling='braces'),)

    Args:
        text: the answer, thoughts removed.
        found: the family.

    Raises:
        SampleError: there are groups of numbers and none is a box; says what was expected and found. Or a number is
            not finite.
    """
    marked = _ANSWER.findall(text)
    said = marked[-1] if marked else text
    for spelling in found.spellings:
        groups = [_with_angle(group, found) for group in _FINDERS[spelling](said)]
        boxes = tuple(group for group in groups if _is_box(group))
        for group in boxes:
            _check_finite(group, said)
        if boxes:
            return boxes
        if groups:
            raise SampleError(_no_box(groups[0], said))
    return ()


def _with_angle(group: Spoken, found: Family) -> Spoken:
    if found.fifth == "angle" and len(group.numbers) == 5:
        return replace(group, numbers=group.numbers[:4], angle=group.numbers[4])
    return group


def _is_box(group: Spoken) -> bool:
    count = len(group.numbers)
    return count == 4 or (count >= 8 and count % 2 == 0)


def _check_finite(group: Spoken, text: str) -> None:
    if not all(map(isfinite, [*group.numbers, group.angle or 0.0])):
        raise SampleError(f"a number of the box is not finite in {quoted(text)}")


def _no_box(group: Spoken, text: str) -> str:
    count = len(group.numbers)
    hint = ""
    if count == 5:
        hint = "; a fifth is read as an angle only where the task or the model says so, as the family earthdial does"
    return f"expected the four numbers of a box, found {count} in {quoted(text)}{hint}"


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number.replace("\u2212", "-")) for number in _ANY.findall(text))


def _braces(text: str) -> Iterator[Spoken]:
    for match in _BRACES.finditer(text):
        angle = None if match[2] is None else _numbers(match[2])[0]
        yield Spoken(_numbers(match[1]), angle, "braces")


def _locations(text: str) -> Iterator[Spoken]:
    for match in _LOCATIONS.finditer(text):
        values = tuple(float(digits) for digits in re.findall(r"\d{4}", match[0]))
        # Several boxes may follow each other without a word between.
        whole = len(values) % 4 == 0
        yield from (
            Spoken(values[start : start + 4] if whole else values, None, "locations")
            for start in range(0, len(values) if whole else 1, 4)
        )


def _points(text: str) -> Iterator[Spoken]:
    for match in _POINTS.finditer(text):
        yield Spoken(_numbers(f"{match[1]} {match[2]}"), None, "points")


def _lists(text: str) -> Iterator[Spoken]:
    corners = list(_CORNERS.finditer(text))
    if corners:
        yield from (Spoken(_numbers(match[1]), None, "lists") for match in corners)
        return
    yield from (Spoken(_numbers(match[1]), None, "lists") for match in _LIST.finditer(text))


def _parentheses(text: str) -> Iterator[Spoken]:
    yield from (Spoken(_numbers(match[1]), None, "parentheses") for match in _PARENTHESES.finditer(text))


def _bare(text: str) -> Iterator[Spoken]:
    # Nothing but numbers: those of a sentence may count or measure anything.
    if match := _BARE.fullmatch(text):
        yield Spoken(_numbers(match[1]), None, "bare")


_FINDERS = {
    "braces": _braces,
    "locations": _locations,
    "points": _points,
    "lists": _lists,
    "parentheses": _parentheses,
    "bare": _bare,
}


def describe(boxes: Sequence[Spoken]) -> str:
    """Says how boxes were spelt.

    >>> describe(spoken("[1, 2, 3, 4]", FAMILIES["qwen3_vl"]))
    '1 box, spelt as lists'
    """
    turned = ", turned and made upright" if any(box.angle or len(box.numbers) > 4 for box in boxes) else ""
    return f"{len(boxes)} box{'es' if len(boxes) != 1 else ''}, spelt as {boxes[0].spelling}{turned}"
