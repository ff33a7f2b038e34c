"""The page in a real browser: what moves, what is reachable, and what never runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.records import Prediction, Response, Target
from harness.report.leaderboard import write_leaderboard
from tests.harness.report.factory import MIOU, OA, manifest, record, result, write_run
from tests.harness.report.waiting import eventually, open_viewer

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 2">',
    "'><svg onload=window.ran=3>",
    "{{ 7 * 7 }}{% raw %}",
    "</script></style></title><script>window.ran = 4</script>",
    "abc\u202edef\0ghi",
    "<a href='javascript:window.ran=5'>x</a>",
)


# Text that does not reach WCAG AA's 4.5 to 1 against the nearest opaque background.
CONTRASTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => channels(colour).slice(0, 3)
    .map((value) => value / 255).map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return channels(colour)[3] === 0 && element.parentElement ? behind(element.parentElement) : colour;
  };
  return [...document.querySelectorAll("body *")]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((element) => element.checkVisibility() && !["SCRIPT", "OPTION"].includes(element.tagName))
    .map((element) => [element.className, light(getComputedStyle(element).color), light(behind(element))])
    .map(([name, one, other]) => [name, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)])
    .filter(([, ratio]) => ratio < 4.5);
}"""


def visible(page: Any, layer: str) -> bool:
    return bool(page.locator(f"#task-1 .mask.{layer}").first.evaluate("e => getComputedStyle(e).display !== 'none'"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_asks_for_nothing_and_fits(board: Path, open_page: Any, width: int, scheme: str) -> None:
    opened = open_page(board, width, color_scheme=scheme)
    opened.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    opened.page.wait_for_timeout(100)
    assert opened.messages == []
    assert [url for url in opened.requests if not url.startswith(("file:", "data:"))] == []
    assert sum(url.startswith("file:") for url in opened.requests) == 1
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_toggles_show_truth_prediction_or_both(board: Path, open_page: Any) -> None:
    page = open_page(board).page
    assert visible(page, "agreement")
    page.locator("#task-1 .show-prediction").uncheck()
    assert [visible(page, layer) for layer in ("agreement", "truth", "prediction")] == [False, True, False]
    page.locator("#task-1 .show-truth").uncheck()
    assert [visible(page, layer) for layer in ("agreement", "truth", "prediction")] == [False, False, False]
    page.locator("#task-1 .show-prediction").check()
    assert not visible(page, "truth")
    assert page.locator("#task-1 .mask.prediction").first.evaluate("e => getComputedStyle(e).display") != "none"


def test_opacity_follows_the_slider(board: Path, open_page: Any) -> None:
    page = open_page(board).page
    mask = page.locator("#task-1 .mask.agreement").first
    assert mask.evaluate("e => getComputedStyle(e).opacity") == "0.6"
    page.locator("#task-1 .opacity").fill("20")
    assert mask.evaluate("e => getComputedStyle(e).opacity") == "0.2"


def test_sorting_by_keyboard_is_announced(board: Path, open_page: Any) -> None:
    page = open_page(board).page
    head = page.locator("#leaderboard thead th").nth(2)
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert eventually(page, lambda: head.get_attribute("aria-sort") == "descending")
    first = page.locator("#leaderboard tbody tr").first
    assert first.locator("th").inner_text() == "geopix-mini"
    page.keyboard.press("Enter")
    assert eventually(page, lambda: head.get_attribute("aria-sort") == "ascending")
    assert first.locator("th").inner_text() == "baseline:constant"


def test_tab_reaches_links_buttons_tables_and_tools(board: Path, open_page: Any) -> None:
    page = open_page(board).page
    reached = set()
    for _ in range(70):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.className || document.activeElement.tagName"))
    assert {"skip", "A", "scroll", "BUTTON", "SUMMARY", "show-truth", "show-prediction", "opacity"} <= reached


def test_targets_are_large_enough(board: Path, open_page: Any) -> None:
    page = open_page(board).page
    small = page.evaluate(
        """[...document.querySelectorAll('button, summary, nav a, .tools label, .tools input[type=range], select')]
        .map(e => [e.className || e.tagName, e.getBoundingClientRect()])
        .filter(([name, box]) => box.height > 0 && box.height < 24).map(([name, box]) => name + ' ' + box.height)"""
    )
    assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(board: Path, open_page: Any, scheme: str) -> None:
    page = open_page(board, color_scheme=scheme).page
    assert page.evaluate(CONTRASTS) == []
    page.locator("h1").evaluate("e => { e.style.color = '#777777'; }")
    assert len(page.evaluate(CONTRASTS)) == 1


def test_filter_and_search_leave_the_cards_that_fit(board: Path, open_page: Any) -> None:
    page = open_page(board).page
    section = page.locator("#task-2 .samples")
    section.locator(".filter").select_option("failed")
    assert section.locator(".card:visible").count() == int(section.locator(".shown").inner_text().split()[0])
    assert section.locator(".card:visible").count() <= 1
    section.locator(".filter").select_option("")
    section.locator(".find").fill("water area")
    assert 0 < section.locator(".card:visible").count() < 60


def test_page_reads_without_a_script(board: Path, open_page: Any) -> None:
    page = open_page(board, java_script_enabled=False).page
    assert page.locator("#leaderboard tbody tr").count() == 2
    assert page.locator("#task-1 .card").count() == 36
    assert page.locator("#task-1 .mask.agreement").first.is_visible()
    assert not page.locator(".opacity").first.is_visible()
    assert page.locator("#task-1 .show-truth").is_visible()


def test_hostile_text_is_shown_and_never_runs(tmp_path: Path, open_page: Any) -> None:
    opened = open_page(hostile_board(tmp_path))
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    page.locator(".browser .open").click()
    page.locator(".samples-table tbody tr").first.wait_for()
    listed = page.locator(".samples-table").inner_text()
    open_viewer(page)
    viewed = page.locator("#viewer").inner_text()
    page.keyboard.press("Escape")
    assert page.evaluate("window.ran") is None
    assert opened.messages == []
    assert page.locator("script:not([type])").count() == 2
    assert page.locator("img[onerror], [onerror], [onload], a[href^=javascript]").count() == 0
    shown = page.locator("body").inner_text()
    for place in (shown, listed):
        assert [words for words in HOSTILE if "\0" not in words and words not in place] == []
        assert "abc⟨U+202E⟩def⟨U+0000⟩ghi" in place
    assert HOSTILE[0] in viewed
    assert "\u202e" not in shown + listed + viewed


def hostile_board(root: Path) -> Path:
    """A page of a run whose every string that data or a model may fill is an attack."""
    records = [
        record(
            words,
            prompt=words,
            target=Target(texts=(words,)),
            response=Response(words, reason=words),
            prediction=Prediction("unparsed" if index % 2 else "ok", words, text=words),
            image=str(index),
            tags={"type": words},
            statistics={"oa": {"correct": 0.0, words: 1.0}},
        )
        for index, words in enumerate(HOSTILE)
    ]
    records = [replace(found, image_files=(found.sample_id,)) for found in records]
    everything = "".join(HOSTILE[:5])
    card = replace(OA, metric=everything, formula=everything, source=everything, options={everything: everything})
    texts = {"title": everything, "paper": everything, "licence": everything, "url": everything, "notes": HOSTILE}
    outcome = result(HOSTILE[1], [card, MIOU], records, cluster=everything, **texts)
    about = manifest(everything, root, argument=everything, settings={everything: everything}, started=everything)
    write_run(root / "run", about, [(outcome, records)], previews=False)
    second = replace(about, digest="d2" * 32)
    write_run(root / "run 2", second, [(outcome, records)], previews=False)
    return write_leaderboard([root], root / "board.html").path
