"""Numbers and foreign text as a reader of the page sees them."""

import re
from typing import Literal, Protocol

from markupsafe import Markup, escape

Unit = Literal["percent", "pixels", "score"]


class Bounded(Protocol):
    """A number with its interval: a score, or a difference."""

    @property
    def low(self) -> float | None:
        """The lower end; None where there is none."""
        ...

    @property
    def high(self) -> float | None:
        """The upper end; None where there is none."""
        ...


NOT_AVAILABLE = "n/a"
LONGEST_TEXT = 4000

# Characters that are invisible, reorder their neighbours, or cannot stand in an HTML file.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(value: object) -> object:
    r"""Returns a value with its control characters spelled out; runs over everything that the templates print.

    >>> visible("a\u202eb")
    'a⟨U+202E⟩b'
    """
    if isinstance(value, Markup):
        return value
    return _CONTROLS.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", str(value).replace("\r\n", "\n"))


def shorten(text: str, longest: int = LONGEST_TEXT) -> str:
    """Returns a text cut to a length, with what is left out counted.

    >>> shorten("abcdef", 4)
    'abcd … (2 more characters)'
    """
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text) - longest:,} more characters)"


def number(value: float | None, unit: Unit) -> str:
    """Returns a score in its unit; fractions times 100.

    >>> number(0.7123, "percent"), number(3.14159, "pixels"), number(None, "score")
    ('71.2', '3.14', 'n/a')
    """
    if value is None:
        return NOT_AVAILABLE
    match unit:
        case "percent":
            return f"{100 * value:.1f}"
        case "pixels":
            return f"{value:.2f}"
        case "score":
            return f"{value:.3f}"


def signed(value: float | None, unit: Unit) -> str:
    """Returns a difference with its sign; of fractions, in points.

    >>> signed(0.0312, "percent"), signed(-0.5, "pixels"), signed(None, "score")
    ('+3.1', '−0.50', 'n/a')
    """
    text = number(value, unit)
    return text.replace("-", "−") if value is None or value < 0 else f"+{text}"


def fixed(value: float | str, decimals: int) -> str:
    """Returns a printed number with so many decimals.

    >>> fixed(50, 2), fixed("24.0", 1)
    ('50.00', '24.0')
    """
    return f"{float(value):.{decimals}f}"


def breakable(name: str) -> Markup:
    """Returns a name that may be broken across lines after a hyphen, slash, colon or the like, and not within a word.

    >>> breakable("geo-pix:a<b")
    Markup('<bdi>geo-<wbr>pix:<wbr>a&lt;b</bdi>')
    """
    parts = re.split(r"(?<=[-_/:.=@+,])(?=.)", str(visible(name)))
    return Markup("<bdi>") + Markup("<wbr>").join(map(escape, parts)) + Markup("</bdi>")


def interval(score: Bounded, unit: Unit) -> str:
    """Returns a score's 95 % interval, or a difference's.

    >>> from harness.results import Score
    >>> interval(Score("oa", 0.712, 0.68, 0.741, n=100, clusters=10), "percent")
    '[68.0, 74.1]'
    """
    if score.low is None or score.high is None:
        return f"[{NOT_AVAILABLE}]"
    return f"[{number(score.low, unit)}, {number(score.high, unit)}]"


def unit_name(unit: Unit) -> str:
    """Returns what stands behind a metric's name.

    >>> unit_name("percent")
    '%'
    """
    return {"percent": "%", "pixels": "px", "score": "score"}[unit]


def plural(count: int, one: str, many: str = "") -> str:
    """Returns a count with its noun.

    >>> plural(1, "image"), plural(1200, "image"), plural(2, "match", "matches")
    ('1 image', '1,200 images', '2 matches')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def link(text: str) -> str | None:
    """Returns the address that a text may be linked to, None for anything but the web and arXiv numbers.

    >>> link("arXiv:2003.07333"), link("https://example.org/a"), link("javascript:alert(1)")
    ('https://arxiv.org/abs/2003.07333', 'https://example.org/a', None)
    """
    if match := re.fullmatch(r"arXiv:(\d{4}\.\d{4,5})", text.strip()):
        return f"https://arxiv.org/abs/{match[1]}"
    return text.strip() if re.fullmatch(r"https?://[^\s\"'<>]+", text.strip()) else None
