"""The English words of direction and position, and which of them cannot be said of a changed picture in other words.

Directions are (x, y), x to the right, y down; corners have both.
"""

import re

from geopix.training.augmentation.symmetry import EAST, NORTH, SOUTH, WEST, Direction

#: Words that differ in their direction alone, by it.
Family = dict[Direction, str]

SIDES: Family = {WEST: "left", EAST: "right", NORTH: "top", SOUTH: "bottom"}
HEIGHTS: Family = {WEST: "left", EAST: "right", NORTH: "upper", SOUTH: "lower"}
RELATIONS: Family = {NORTH: "above", SOUTH: "below", WEST: "to the left of", EAST: "to the right of"}
POLES: Family = {WEST: "west", EAST: "east", NORTH: "north", SOUTH: "south"}
_COMPASS_ENDINGS = ("", "ern", "erly", "ernmost", "ward", "wards", "bound")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _ended(family: Family, ending: str) -> Family:
    return {direction: f"{word}{ending}" for direction, word in family.items()}


def _corners(family: Family, ending: str = "") -> Family:
    return {(x, y): f"{family[0, y]}{family[x, 0]}{ending}" for y in (-1, 1) for x in (-1, 1)}


#: All families. A word of two belongs to the first.
FAMILIES: tuple[Family, ...] = (
    SIDES,
    HEIGHTS,
    RELATIONS,
    _ended(SIDES, "most"),
    _ended(HEIGHTS, "most"),
    _corners(SIDES),
    _corners(HEIGHTS),
    *(_ended(POLES, ending) for ending in _COMPASS_ENDINGS),
    *(_corners(POLES, ending) for ending in _COMPASS_ENDINGS),
)
WORDS: dict[str, tuple[Family, Direction]] = {
    word: (family, direction) for family in reversed(FAMILIES) for direction, word in family.items()
}
ALONG = {"horizontal": "vertical", "vertical": "horizontal", "horizontally": "vertically", "vertically": "horizontally"}

#: Words that mean a direction only beside certain others.
AMBIGUOUS = frozenset({*SIDES.values(), *HEIGHTS.values()})
#: Before and behind these they do.
LEADS = AMBIGUOUS | _set("the to and or on from its their far extreme very middle center centre central mid")
FOLLOWERS = AMBIGUOUS | _set(
    "side sides corner corners edge edges part parts half halves of hand end most portion area region section "
    "border third quarter quadrant margin boundary and or to middle center centre"
)
#: Before these they do not, whatever stands in front.
NO_SIDES = _set(
    "angle angles angled triangle way turn turns turning over alone open empty unused blank vacant view down"
)
#: Before these, `right` means directly, unless it is led.
ADVERBS = _set(
    "next beside behind in at by above below under near after before on outside inside along against across "
    "through beneath underneath alongside"
)
#: "The left of" these is a part of the picture; of anything else it may be what lies beside it.
IMAGES = _set("image picture photo photograph scene frame tile patch")

#: What is not true of a changed picture, or not surely.
NEVER = _set(
    "clockwise counterclockwise anticlockwise starboard letter letters lettering inscription logo slogan reads "
    "spells written mirrored flipped rotated upside o'clock"
)
#: The same, where north does not stay north.
NEVER_UPWARDS = _set("up down upward upwards downward downwards behind front ahead")
#: Beside these, above and below may be heights over the ground.
PHYSICAL = _set("bridge bridges overpass overpasses viaduct viaducts flyover airplane airplanes plane")
TURNINGS = _set("turn turns turning turned")
NUMBERED = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|last|\d+(?:st|nd|rd|th)) (?:row|column|line)s?\b"
    r"|\b(?:row|column) \d",
    re.IGNORECASE,
)
