"""Numbers and foreign names of a comparison as every output writes them."""

from collections.abc import Mapping

from harness.report.formatting import shorten, visible
from harness.results import MetricCard, Score

LONGEST_NAME = 200
# A verdict is never told by colour alone.
MARKS = {"regressed": "▼", "soft": "▽", "insufficient data": "?", "improved": "▲", "stable": "="}


def amount(card: MetricCard, value: float | None, *, signed: bool = False) -> str:
    """Returns a score, or a difference of scores, in the metric's unit.

    >>> card = MetricCard("oa", "accuracy", {}, True, "percent", "higher", "", "")
    >>> amount(card, 0.512), amount(card, -0.0123, signed=True), amount(card, None)
    ('51.20', '-1.23', 'n/a')
    """
    if value is None:
        return "n/a"
    number, places = (100 * value, 2) if card.unit == "percent" else (value, 3)
    # A difference that rounds to zero has no sign.
    return f"{round(number, places) + 0.0:{'+' if signed and round(number, places) else ''}.{places}f}"


def score_with_interval(card: MetricCard, score: Score) -> str:
    """Returns how sure a score is.

    >>> card = MetricCard("oa", "accuracy", {}, True, "percent", "higher", "", "")
    >>> score_with_interval(card, Score("oa", 0.512, 0.495, 0.529, 1234, 80))
    '(95 % CI 49.50-52.90, n=1,234)'
    """
    if score.low is None or score.high is None:
        return f"(no interval, n={score.n:,})"
    return f"(95 % CI {amount(card, score.low)}-{amount(card, score.high)}, n={score.n:,})"


def slice_name(where: Mapping[str, str]) -> str:
    """Returns a slice as people write it.

    >>> slice_name({"size": "small"})
    'size=small'
    """
    return ", ".join(f"{tag}={value}" for tag, value in where.items())


def inline(text: object, longest: int = LONGEST_NAME) -> str:
    r"""Returns a foreign text on one line: no control characters, no line breaks, cut to a length.

    >>> inline("a\nb\x1b[31m")
    'a b⟨U+001B⟩[31m'
    """
    return shorten(" ".join(str(visible(text)).split()), longest)


def p_value(value: float | None) -> str:
    """Returns a p-value in as many digits as it deserves.

    >>> p_value(0.0312), p_value(0.00001), p_value(None)
    ('0.031', '<0.001', 'n/a')
    """
    if value is None:
        return "n/a"
    return f"{value:.3f}" if value >= 0.001 else "<0.001"
