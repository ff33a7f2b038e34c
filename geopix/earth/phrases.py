"""The words of Mini Earth: names, positions and sentence templates, as data."""

# The category as RRSIS-D spells it, and its number there; building is not among RRSIS-D's twenty.
RRSISD_NAMES: dict[str, tuple[int, str]] = {
    "airplane": (1, "airplane"),
    "storage tank": (8, "storagetank"),
    "basketball court": (9, "basketballcourt"),
    "tennis court": (11, "tenniscourt"),
    "ship": (14, "ship"),
    "vehicle": (19, "vehicle"),
    "building": (21, "building"),
}
# All of RRSIS-D's categories in their order, then ours.
RRSISD_CATEGORIES = (
    "airplane", "airport", "golffield", "expressway-service-area", "baseballfield", "stadium", "groundtrackfield",
    "storagetank", "basketballcourt", "chimney", "tenniscourt", "overpass", "trainstation", "ship",
    "expressway-toll-station", "dam", "harbor", "bridge", "vehicle", "windmill", "building",
)  # fmt: skip

# Land covers that questions speak of: the name in `Scene.covers` and the benchmark's words for it.
COVER_WORDS: dict[str, str] = {
    "water": "water area",
    "grass": "grass area",
    "farmland": "farmland",
    "forest": "forest",
    "road": "road",
    "parking": "parking",
}

# Referring expressions vary the noun a little; questions keep the benchmark's.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "ship": ("ship", "ship", "ship", "vessel", "boat"),
    "airplane": ("airplane", "airplane", "airplane", "plane"),
    "vehicle": ("vehicle", "vehicle", "vehicle", "car"),
}

POSITIONS: dict[str, str] = {
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
    "upper left": "in the upper left",
    "upper right": "in the upper right",
    "lower left": "in the lower left",
    "lower right": "in the lower right",
    "center": "in the center",
}

PRESENCE = (
    "Is there {a} {subject}?",
    "Is there {a} {subject} in the image?",
    "Is {a} {subject} present in the image?",
)
PRESENCE_AT = (
    "Is there {a} {subject} {position} of the image?",
    "Is {a} {subject} present {position} of the image?",
)
PRESENCE_NEXT_TO = (
    "Is there {a} {subject} next to {other}?",
    "Is {a} {subject} next to {other} present in the image?",
)
COMP: dict[str, tuple[str, ...]] = {
    "more": ("Are there more {first} than {second}?", "Are there more {first} than {second} in the image?"),
    "less": ("Are there less {first} than {second}?", "Are there less {first} than {second} in the image?"),
    "equal": (
        "Is the number of {first} equal to the number of {second}?",
        "Is the number of {first} equal to the number of {second} in the image?",
    ),
}
COUNT = (
    "How many {plural} are there?",
    "What is the number of {plural}?",
    "How many {plural} are there in the image?",
    "What is the number of {plural} in the image?",
)
AREA = ("What is the area covered by {plural}?", "What is the area covered by {plural} in the image?")

REFER = ("the {noun}", "the {noun}", "the {noun} in the image")
REFER_AT = ("the {noun} {position}", "the {noun} {position}", "the {noun} {position} of the image")
REFER_EXTREME = ("the {extreme} {noun}", "the {extreme} {noun} in the image")
REFER_NEAREST = ("the {noun} nearest to the {other}", "the {noun} closest to the {other}")


def plural(noun: str) -> str:
    """Returns the plural the benchmark uses.

    >>> plural("water area"), plural("storage tank")
    ('water areas', 'storage tanks')
    """
    return noun + "s"


def article(noun: str) -> str:
    """Returns "a" or "an".

    >>> article("airplane"), article("ship")
    ('an', 'a')
    """
    return "an" if noun[0] in "aeiou" else "a"
