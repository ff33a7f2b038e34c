"""From contents to HTML: templates with autoescape, and a policy that lets the browser run our script only."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report import formatting, plots
from harness.report.board import PageBoard
from harness.report.cards import box_text
from harness.report.chart import WIDTH
from harness.report.contents import FEW, Task
from harness.report.quotes import decimals
from harness.report.runs import Run
from harness.report.samples import RULE
from harness.report.texts import as_texts

# What `harness.statistics.interval` draws unless told otherwise; a test holds the two together.
REPLICATES = 2000
SCRIPTS = ("tables.js", "masks.js", "browser.js", "viewer.js", "start.js")


def render(runs: Sequence[Run], tasks: Sequence[Task], board: PageBoard, sheets: Mapping[str, str]) -> str:
    """Returns the page.

    Args:
        runs: the runs.
        tasks: the tasks' sections.
        board: the table at the top.
        sheets: each task's packed samples by the task's key; empty where they are files beside the page.
    """
    style, scripts = _asset("assets", "report.css"), [_asset("vendor", "dataTables.min.js"), _ours()]
    return (
        _environment()
        .get_template("page.html")
        .render(
            runs=runs,
            tasks=tasks,
            board=board,
            texts=as_texts(board.columns, board.rows),
            sheets=sheets,
            style=Markup(style),  # noqa: S704 - our own file, no foreign text in it
            scripts=list(map(Markup, scripts)),  # our own files and a vendored one, no foreign text in them
            policy=_policy(style, scripts, beside=not sheets),
        )
    )


def _ours() -> str:
    """Our scripts as one, in the order in which they need each other."""
    return "\n".join(_asset("assets", name) for name in SCRIPTS)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        finalize=formatting.visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formatting.number,
        "interval": formatting.interval,
        "signed": formatting.signed,
        "fixed": formatting.fixed,
        "breakable": formatting.breakable,
        "unit_name": formatting.unit_name,
        "plural": formatting.plural,
        "shorten": formatting.shorten,
        "link": formatting.link,
        "box": box_text,
        "decimals": decimals,
    }
    environment.globals |= {"few": FEW, "rule": RULE, "replicates": REPLICATES, "chart_width": WIDTH, "plots": plots}
    return environment


def _asset(folder: str, name: str) -> str:
    return (files("harness.report") / folder / name).read_text("utf-8")


def _policy(style: str, scripts: Sequence[str], beside: bool) -> str:
    """Returns the content security policy: nothing from anywhere but embedded pictures and these texts.

    Args:
        style: the style sheet.
        scripts: the scripts.
        beside: whether pictures and samples are files beside the page.
    """
    sources = " ".join(f"'{_source(script)}'" for script in scripts)
    here = " 'self'" if beside else ""
    return (
        f"default-src 'none'; img-src data:{here}; style-src '{_source(style)}'; script-src {sources}{here}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
