"""Scores as Markdown, LaTeX and CSV: whatever a name holds stays text where it is pasted."""

import csv
import io

import pytest

from harness.report.exports import FORMULA, TextTable, csv_text, latex, markdown

HOSTILE = (
    '=HYPERLINK("http://x","y")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "＝1+1",
    "a|b",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "\\input{/etc/passwd}",
    "\\end{tabular}\\write18{rm}",
    "100% & $x^2_1$ #~{}",
    "two\nlines",
    "a\u202eb",
)


def table(name: str) -> TextTable:
    return TextTable(("model", "oa"), ((name, "71.2"),))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_is_a_formula(name: str) -> None:
    rows = list(csv.reader(io.StringIO(csv_text(table(name)))))
    assert len(rows) == 2
    assert not rows[1][0].startswith(FORMULA)
    assert rows[1][0].lstrip("'").replace("⟨U+202E⟩", "\u202e") == name
    assert rows[1][1] == "71.2"


def test_numbers_below_zero_stay_numbers() -> None:
    assert csv_text(TextTable(("a", "b"), (("-1.5", "-2e-05"),))) == "a,b\n-1.5,-2e-05"


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_stays_one_cell_and_no_markup(name: str) -> None:
    lines = markdown(table(name)).splitlines()
    assert len(lines) == 3
    bare = lines[2].replace("\\\\", "").replace("\\|", "")
    assert bare.count("|") == 3
    assert "<" not in bare
    assert "](" not in bare.replace("\\]", "").replace("\\(", "")


@pytest.mark.parametrize("name", HOSTILE)
def test_latex_runs_no_command_of_a_name(name: str) -> None:
    text = latex(table(name))
    assert text.count("\\end{tabular}") == 1
    assert "\\input{/" not in text
    assert "\\write18" not in text
    row = text.split("\\midrule\n")[1].split("\n")[0]
    unescaped = row.replace("\\&", "").replace("\\%", "").replace("\\$", "").replace("\\_", "")
    assert unescaped.count("&") == 1
    assert not set("%$_#^~") & set(unescaped.replace("\\#", ""))


def test_latex_is_in_the_manner_of_booktabs() -> None:
    lines = latex(TextTable(("model", "oa ↑"), (("a", "71.2 [68.0, 74.1] ▲"),))).splitlines()
    assert lines[1:] == [
        "\\begin{tabular}{lr}",
        "\\toprule",
        "model & oa $\\uparrow$ \\\\",
        "\\midrule",
        "a & 71.2 {[}68.0, 74.1{]} $\\blacktriangle$ \\\\",
        "\\bottomrule",
        "\\end{tabular}",
    ]
