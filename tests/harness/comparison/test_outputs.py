"""Every output says the same, and foreign strings in it are shown and never work."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console

from harness.comparison.evidence import Evidence
from harness.comparison.gates import Bound, Gate, Gates
from harness.comparison.outputs.junit import junit
from harness.comparison.outputs.machine import as_json, bencher
from harness.comparison.outputs.markdown import COMMENT, SUMMARY, code, markdown
from harness.comparison.outputs.terminal import terminal
from harness.comparison.sides import Side
from harness.comparison.verdict import Verdicts, judge
from harness.results import Score, Slice
from tests.harness.comparison.evidence import ACCURACY, answers, result

HOSTILE = (
    "<script>alert(1)</script>",
    "| a | ![x](https://evil.example/x.png) `` ` @everyone #1",
    "]]><!--&lt;\x1b[31mred\x07\u202e",
    "[bold]rich[/bold] [link=https://evil.example]x[/link]",
    "\n\n# heading\n- item\n<details open>",
    '=cmd|"/c calc"!A1',
    "https://evil.example/ www.evil.example",
    "a\\|b\\",
)


def side(label: str, *tasks: Evidence) -> Side:
    return Side(label, "digest", Path("run"), {task.result.task: task for task in tasks})


def run(label: str, right: int, task: str = "small") -> Evidence:
    return answers(label, [1] * right + [0] * (100 - right), found=result(task=task))


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    """One check that passes, one that regressed, one that cannot be evaluated."""
    base = side("base", run("base", 80, "good"), run("base", 80, "lost"), run("base", 80, "worse"))
    return judge(base, side("head", run("head", 80, "good"), run("head", 50, "worse")), Gates())


@pytest.fixture(scope="module")
def hostile() -> Verdicts:
    """Names of tasks, models, metrics and slices that try to work."""

    def sliced(label: str, text: str, right: int) -> Evidence:
        card = replace(ACCURACY, name=text)
        evidence = run(label, right)
        score = Score(text, right / 100, 0.1, 0.9, 100, 100)
        part = Slice(text, text, (score,))
        named = replace(evidence.result, task=text, metrics=(card,), scores=(score,), slices=(part,))
        return replace(evidence, result=named, tags={text: (text,) * 100}, statistics={text: evidence.statistics["oa"]})

    base, head = (
        side(f"{label} {HOSTILE[0]} {HOSTILE[1]} {HOSTILE[3]}", *(sliced(label, text, right) for text in HOSTILE))
        for label, right in (("base", 80), ("head", 40))
    )
    gates = [Gate(text, text, {text: text}, Bound(0.9, percent=False)) for text in HOSTILE]
    return judge(base, head, Gates((*gates, Gate(HOSTILE[0], "none", {}, Bound(0.5, percent=False)))))


def shown(verdicts: Verdicts, width: int = 80) -> str:
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(terminal(verdicts))
    return capture.get()


def test_the_terminal_shows_every_row_and_why(verdicts: Verdicts) -> None:
    text = shown(verdicts)
    assert max(map(len, text.splitlines())) <= 80
    for words in ("= stable", "▼ regressed", "? insufficient", "80.00", "50.00", "<0.001", "FAILED: 1 failed, 1 could"):
        assert words in text
    assert "worse: oa regressed: 80.00 -> 50.00" in text
    assert text.rstrip().endswith("FAILED: 1 failed, 1 could not be evaluated, of 3 checks")


def test_the_terminal_is_not_driven_by_names(hostile: Verdicts) -> None:
    text = shown(hostile, width=400)
    assert "[bold]rich[/bold]" in text
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "⟨U+001B⟩[31mred" in text


def cases(content: bytes) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(content)
    return {f"{case.get('classname')}/{case.get('name')}": case for case in root.iter("testcase")}


def test_junit_keeps_failure_and_error_apart(verdicts: Verdicts) -> None:
    content = junit(verdicts)
    root = ElementTree.fromstring(content)
    assert root.attrib == {"name": "geopix-eval compare", "tests": "3", "failures": "1", "errors": "1"}
    assert [suite.get("name") for suite in root] == ["good", "lost", "worse"]
    found = cases(content)
    assert found["good/oa"].find("failure") is None
    assert found["good/oa"].find("error") is None
    failure, error = found["worse/oa"].find("failure"), found["lost/oa"].find("error")
    assert failure is not None
    assert error is not None
    assert str(failure.get("message")).startswith("oa regressed: 80.00 -> 50.00 (-30.00, 95 % CI")
    assert (failure.get("type"), error.get("type")) == ("regressed", "insufficient data")
    assert error.text == "HEAD (head) has no task 'lost'. It has: good, worse"
    properties = {found.get("name"): found.get("value") for found in root.iter("property")}
    assert properties == {"base": "base", "base digest": "digest", "head": "head", "head digest": "digest"}


def test_junit_is_well_formed_whatever_the_names(hostile: Verdicts) -> None:
    content = junit(hostile)
    root = ElementTree.fromstring(content)
    tags = {element.tag for element in root.iter()}
    assert tags == {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "system-out"
    }  # fmt: skip
    assert len(root) == len(HOSTILE)
    assert "<script>alert(1)</script>" in {suite.get("name") for suite in root}
    assert b"<script" not in content


def walk(tokens: list[Token]) -> list[Token]:
    return [part for token in tokens for part in (token, *walk(token.children or []))]


def parsed(text: str) -> list[Token]:
    return walk(MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text))


def test_markdown_says_the_status_first(verdicts: Verdicts) -> None:
    text = markdown(verdicts)
    assert text.startswith("### FAILED: 1 failed, 1 could not be evaluated, of 3 checks\n")
    assert "- `worse` `oa`: **failed**\n  - `oa regressed: 80.00 -> 50.00" in text
    assert "- `lost` `oa`: **could not be evaluated**" in text
    rows = [token for token in parsed(text) if token.type == "tr_open"]
    assert len(rows) == 4
    good = judge(side("base", run("base", 80)), side("head", run("head", 80)), Gates())
    assert markdown(good).startswith("### PASSED: 1 of 1 checks hold\n")
    assert "did not pass" not in markdown(good)


def test_markdown_shows_names_and_does_not_run_them(hostile: Verdicts) -> None:
    tokens = parsed(markdown(hostile))
    assert {token.content.strip() for token in tokens if token.type == "html_block"} == {
        f"<details><summary>All checks (0 of {len(hostile.rows)} passed)</summary>",
        "</details>",
    }
    for kind in ("html_inline", "link_open", "image", "code_block", "fence"):
        assert [token for token in tokens if token.type == kind] == []
    assert [token.content for token in tokens if token.type == "heading_open"] == ["", ""]
    # Foreign words stand in code spans alone, where GitHub makes neither links nor mentions of them.
    plain = " ".join(token.content for token in tokens if token.type == "text")
    for word in ("evil", "@", "script", "cmd", "rich"):
        assert word not in plain
    cells = [token for token in tokens if token.type == "td_open"]
    assert len(cells) == 8 * len(hostile.rows)


def test_a_code_span_ends_where_it_should() -> None:
    for text in ("`", "a```b", "``", "`` ` ``", " ", "", "\\", "\\`"):
        (span,) = [token for token in parsed(f"x {code(text)} y") if token.type == "code_inline"]
        assert span.content.strip() == " ".join(text.split())


@pytest.mark.parametrize(("limit", "tasks"), [(COMMENT, 400), (SUMMARY, 5000)])
def test_markdown_stops_before_a_limit_and_counts_the_rest(verdicts: Verdicts, limit: int, tasks: int) -> None:
    (bad,) = (row for row in verdicts.rows if row.outcome == "failed")
    many = replace(verdicts, rows=tuple(replace(bad, task=f"tästing {number}") for number in range(tasks)))
    text = markdown(many, limit)
    assert len(text.encode()) <= limit
    assert len(text.encode()) > limit / 2
    assert " more; see the complete report." in text
    assert text.startswith(f"### FAILED: {tasks} failed, of {tasks} checks\n")
    assert text.count("<details>") == text.count("</details>")
    few = replace(verdicts, rows=many.rows[:20])
    assert "see the complete report" not in markdown(few, limit)


def test_json_holds_everything(verdicts: Verdicts) -> None:
    content = orjson.loads(as_json(verdicts))
    assert (content["format"], content["passed"], content["exit_code"], content["alpha"]) == (1, False, 1, 0.05)
    assert content["head"]["label"] == "head"
    good, lost, worse = content["rows"]
    assert (good["verdict"], lost["outcome"], worse["verdict"]) == ("stable", "error", "regressed")
    assert worse["difference"]["value"] == pytest.approx(-0.3)
    assert worse["difference"]["test"] == "exact McNemar"
    assert worse["score"]["value"] == 0.5
    assert lost["difference"] is None


def test_json_is_plain_whatever_the_names(hostile: Verdicts) -> None:
    assert {row["task"] for row in orjson.loads(as_json(hostile))["rows"]} == set(HOSTILE)


def test_bencher_gets_the_scores_that_are_known(verdicts: Verdicts) -> None:
    assert orjson.loads(bencher(verdicts)) == {"good": {"oa": {"value": 0.8}}, "worse": {"oa": {"value": 0.5}}}


def test_bencher_gets_intervals_and_no_name_that_silences_it(hostile: Verdicts) -> None:
    content = orjson.loads(bencher(hostile))
    assert content["<script>alert(1)</script>"]["<script>alert(1)</script>"] == {
        "value": 0.4,
        "lower_value": 0.1,
        "upper_value": 0.9,
    }
    assert all(len(measure) <= 64 for measures in content.values() for measure in measures)
    quiet = judge(side("b", run("b", 8, "x-bencher-ignore")), side("h", run("h", 8, "x-bencher-ignore")), Gates())
    assert list(orjson.loads(bencher(quiet))) == ["x-bencher-ignore (watched)"]
