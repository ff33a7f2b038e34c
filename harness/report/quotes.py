"""Published numbers that stand in the board's columns; they have no samples, and are in no test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.boards import Printed, Published
from harness.report.formatting import fixed


@dataclass(frozen=True)
class Quote:
    """A published number in a column of the board.

    Attributes:
        text: the number as printed.
        value: the number.
        table: which published table, counted from 1.
        caution: why it is grey; empty where it is not.
    """

    text: str
    value: float
    table: int
    caution: str


@dataclass(frozen=True)
class QuotedRow:
    """A model's published numbers, one a column; None where there is none."""

    model: str
    quotes: tuple[Quote | None, ...]


def find_quotes(tables: Sequence[Published], keys: Sequence[str]) -> dict[str, dict[str, Quote]]:
    """Returns published numbers by model and column; of two for the same place, one without a caution, or the first.

    Args:
        tables: the published tables.
        keys: the columns' keys.
    """
    found: dict[str, dict[str, Quote]] = {}
    for number_of_table, table in enumerate(tables, 1):
        for heading, key in table.fills.items():
            index = table.columns.index(heading)
            places = decimals(row[index] for row in table.rows.values())
            for model, numbers in table.rows.items():
                value, taken = numbers[index], found.setdefault(model, {})
                if value is None or key not in keys or (key in taken and (table.caution or not taken[key].caution)):
                    continue
                taken[key] = Quote(fixed(value, places), float(value), number_of_table, table.caution)
    return {model: quotes for model, quotes in found.items() if quotes}


def decimals(values: Iterable[Printed | None]) -> int:
    """Returns how many decimals a column of printed numbers needs.

    >>> decimals([50.0, 9.07, None]), decimals(["24.0"])
    (2, 1)
    """
    texts = (value if isinstance(value, str) else f"{value:.12g}" for value in values if value is not None)
    return max((len(text.partition(".")[2]) for text in texts), default=0)


def quoted_rows(quotes: Mapping[str, Mapping[str, Quote]], keys: Sequence[str]) -> tuple[QuotedRow, ...]:
    """Returns the rows of published models, best first by the mean share of others that are better."""
    rows = [QuotedRow(model, tuple(numbers.get(key) for key in keys)) for model, numbers in quotes.items()]
    return tuple(sorted(rows, key=lambda row: (_mean_rank(row, rows), row.model)))


def _mean_rank(row: QuotedRow, rows: Sequence[QuotedRow]) -> float:
    """The mean share of published models that are better, over the columns in which a model has a number."""
    shares = []
    for index, quote in enumerate(row.quotes):
        if quote is not None:
            others = [other.quotes[index] for other in rows]
            values = [other.value for other in others if other is not None]
            shares.append(sum(value > quote.value for value in values) / len(values))
    return sum(shares) / len(shares)
