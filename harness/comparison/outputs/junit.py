"""The verdict as JUnit XML, which every CI server shows: a suite a task, a case a metric or gated slice."""

from collections.abc import Iterator
from itertools import groupby

# Only writes; what is read back is another's business.
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.comparison.reasons import change
from harness.comparison.rows import Row
from harness.comparison.verdict import Verdicts
from harness.comparison.wording import inline


def junit(verdicts: Verdicts) -> bytes:
    """Returns the verdict as JUnit XML in UTF-8.

    A row that regressed or is outside its gate is a `failure`; one that could not be evaluated is an `error`.
    """
    root = Element("testsuites", {"name": "geopix-eval compare", **_counts(verdicts.rows)})
    for task, rows in groupby(verdicts.rows, key=lambda row: row.task):
        _suite(root, task, tuple(rows), verdicts)
    indent(root)
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _counts(rows: tuple[Row, ...]) -> dict[str, str]:
    return {
        "tests": str(len(rows)),
        "failures": str(sum(row.outcome == "failed" for row in rows)),
        "errors": str(sum(row.outcome == "error" for row in rows)),
    }


def _suite(root: Element, task: str, rows: tuple[Row, ...], verdicts: Verdicts) -> None:
    suite = SubElement(root, "testsuite", {"name": inline(task), **_counts(rows)})
    properties = SubElement(suite, "properties")
    for name, value in _properties(verdicts):
        SubElement(properties, "property", name=name, value=inline(value))
    for row in rows:
        _case(suite, row)


def _properties(verdicts: Verdicts) -> Iterator[tuple[str, str]]:
    for role, side in (("base", verdicts.base), ("head", verdicts.head)):
        yield role, side.label
        yield f"{role} digest", side.digest


def _case(suite: Element, row: Row) -> None:
    case = SubElement(suite, "testcase", classname=inline(row.task), name=inline(row.name))
    text = "; ".join(inline(reason, 2000) for reason in row.reasons)
    if row.outcome != "passed":
        kind = "error" if row.outcome == "error" else "failure"
        SubElement(case, kind, message=text, type=row.verdict).text = text
    SubElement(case, "system-out").text = inline(f"{row.verdict}: {change(row)}", 2000)
