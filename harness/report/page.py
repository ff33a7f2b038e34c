"""From contents to HTML: templates with autoescape, and a policy that lets the browser run our script only."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report import formatting
from harness.report.cards import box_text
from harness.report.chart import WIDTH
from harness.report.contents import FEW, Task
from harness.report.runs import Run
from harness.report.samples import RULE

# What `harness.statistics.interval` draws unless told otherwise; a test holds the two together.
REPLICATES = 2000


def render(runs: Sequence[Run], tasks: Sequence[Task]) -> str:
    """Returns the page."""
    style, script = _asset("report.css"), _asset("report.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            runs=runs,
            tasks=tasks,
            style=Markup(style),  # noqa: S704 - our own file, no foreign text in it
            script=Markup(script),  # noqa: S704 - our own file, no foreign text in it
            policy=_policy(style, script),
        )
    )


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
        "unit_name": formatting.unit_name,
        "plural": formatting.plural,
        "shorten": formatting.shorten,
        "link": formatting.link,
        "box": box_text,
    }
    environment.globals |= {"few": FEW, "rule": RULE, "replicates": REPLICATES, "chart_width": WIDTH}
    return environment


def _asset(name: str) -> str:
    return (files("harness.report") / "assets" / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Returns the content security policy: nothing from anywhere but embedded pictures and these two texts."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_source(style)}'; script-src '{_source(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
