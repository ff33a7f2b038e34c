"""The verdict as Markdown: for a job's summary, and short enough for a comment."""

import re
from collections.abc import Sequence

from harness.comparison.outputs.terminal import numbers
from harness.comparison.rows import Row
from harness.comparison.verdict import Verdicts, status
from harness.comparison.wording import MARKS, inline

# GitHub takes comments of 65,536 characters and job summaries of 1,024 kB; bytes are counted here, which are no fewer.
COMMENT = 60_000
SUMMARY = 1_000_000


def markdown(verdicts: Verdicts, limit: int = SUMMARY) -> str:
    """Returns the verdict as GitHub's Markdown: the status first, what did not pass, then every check.

    Foreign text stands in code spans, where it is neither markup nor a link nor a mention.

    Args:
        verdicts: the outcome.
        limit: the greatest number of bytes; rows that do not fit are counted.
    """
    rest = [row for row in verdicts.rows if row.outcome == "passed"]
    written = _Text(limit)
    written.add(f"### {status(verdicts.rows)}\n\n")
    written.add(f"BASE {code(verdicts.base.label)}, HEAD {code(verdicts.head.label)}. {_method(verdicts)}\n")
    if verdicts.bad:
        written.add("\n#### What did not pass\n\n")
        written.add_all([_reasons(row) for row in verdicts.bad])
    summary = f"All checks ({len(rest)} of {len(verdicts.rows)} passed)"
    table = f"\n<details><summary>{summary}</summary>\n\n{HEAD}"
    if written.add_all([_line(row) for row in (*verdicts.bad, *rest)], table):
        written.add("\n</details>\n", reserved=True)
    return written.text


HEAD = (
    "| task | metric | base | head | difference, 95 % | p | verdict | notes |\n"
    "| --- | --- | --: | --: | --: | --: | --- | --- |\n"
)


class _Text:
    """Text that stops growing before a limit, and says so."""

    def __init__(self, limit: int) -> None:
        self.text = ""
        # What closes the page, and the line that counts what is left out, must still fit.
        self._left = limit - 200

    def add(self, text: str, *, reserved: bool = False) -> bool:
        size = len(text.encode())
        if size > self._left and not reserved:
            return False
        self.text += text
        self._left -= size
        return True

    def add_all(self, lines: Sequence[str], heading: str = "") -> bool:
        """Adds as many lines as fit below a heading, and counts the others; returns whether the heading fitted."""
        if not self.add(heading):
            return False
        for number, line in enumerate(lines):
            if not self.add(line):
                self.add(f"\n{len(lines) - number} more; see the complete report.\n", reserved=True)
                break
        return True


def _method(verdicts: Verdicts) -> str:
    return (
        "Differences on the same samples, with intervals from a paired cluster bootstrap; p after Holm over "
        f"{len(verdicts.rows)} checks, alpha {verdicts.gates.alpha:g}."
    )


def _reasons(row: Row) -> str:
    kind = "could not be evaluated" if row.outcome == "error" else "failed"
    reasons = "".join(f"  - {code(reason, 2000)}\n" for reason in row.reasons)
    return f"- {code(row.task)} {code(row.name)}: **{kind}**\n{reasons}"


def _line(row: Row) -> str:
    notes = "; ".join(code(reason, 2000) for reason in row.reasons) if row.outcome == "passed" else row.outcome
    verdict = f"{MARKS[row.verdict]} {row.verdict}"
    return f"| {' | '.join((code(row.task), code(row.name), *numbers(row), verdict, notes))} |\n"


def code(text: object, longest: int = 200) -> str:
    r"""Returns a foreign text as a code span that nothing in it can end.

    >>> code("a`b"), code("<img src=x> @all")
    ('`` a`b ``', '`<img src=x> @all`')
    >>> code("a|b")  # a pipe would end a table's cell, even in a code span
    '`a⟨U+007C⟩b`'
    """
    shown = inline(text, longest).replace("|", "⟨U+007C⟩") or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown else f"{fence}{shown}{fence}"
