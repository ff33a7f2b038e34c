r"""Tables as text to paste elsewhere: Markdown, LaTeX and CSV; whatever a model's name holds stays text there.

>>> table = TextTable(("model", "oa"), (("a|b", "71.2"), ("=1+1", "n/a")))
>>> print(markdown(table))
| model | oa |
| --- | ---: |
| a\|b | 71.2 |
| =1+1 | n/a |
>>> print(csv_text(table))
model,oa
a|b,71.2
'=1+1,n/a
"""

import csv
import io
import re
from dataclasses import dataclass

from harness.report.formatting import visible

# Characters at a cell's start by which spreadsheets take it for a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)

MARKDOWN = {ord(letter): f"\\{letter}" for letter in "\\`*_{}[]()#!|~$"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
}
LATEX = {ord(letter): f"\\{letter}" for letter in "&%$#_{}"} | {
    ord("\\"): r"\textbackslash{}",
    ord("~"): r"\textasciitilde{}",
    ord("^"): r"\textasciicircum{}",
    ord("<"): r"\textless{}",
    ord(">"): r"\textgreater{}",
    ord("|"): r"\textbar{}",
    ord("["): "{[}",
    ord("]"): "{]}",
    ord("▲"): r"$\blacktriangle$",
    ord("▼"): r"$\blacktriangledown$",
    ord("↑"): r"$\uparrow$",
    ord("↓"): r"$\downarrow$",
    ord("–"): "--",
}


@dataclass(frozen=True)
class TextTable:
    """A table of words and formatted numbers; the first column names the row."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def markdown(table: TextTable) -> str:
    """Returns a GitHub table."""
    marks = ("---", *("---:" for _ in table.headings[1:]))
    lines = [_escaped(table.headings, MARKDOWN), marks, *(_escaped(row, MARKDOWN) for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(table: TextTable) -> str:
    """Returns a tabular in the manner of booktabs; ▲ and ▼ need amssymb."""
    lines = [" & ".join(_escaped(row, LATEX)) + r" \\" for row in (table.headings, *table.rows)]
    columns = "l" + "r" * (len(table.headings) - 1)
    head = [r"% \usepackage{booktabs,amssymb}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    return "\n".join([*head, lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"])


def csv_text(table: TextTable) -> str:
    """Returns comma-separated values, in which no cell can be taken for a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_no_formula(cell) for cell in row] for row in (table.headings, *table.rows))
    return buffer.getvalue().removesuffix("\n")


def _escaped(cells: tuple[str, ...], letters: dict[int, str]) -> tuple[str, ...]:
    return tuple(" ".join(str(visible(cell)).split()).translate(letters) for cell in cells)


def _no_formula(cell: str) -> str:
    text = str(visible(cell))
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text
