"""The table of all samples and the viewer, in a real browser."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from harness.records import Prediction, Target
from harness.report.leaderboard import write_leaderboard
from tests.harness.report.factory import OA, manifest, picture, record, result, write_run
from tests.harness.report.waiting import eventually

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "vendor" / "axe.min.js"
VIOLATIONS = "axe.run().then(found => found.violations.map(v => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`))"
LINK = f"#task=rrsis&sample=s1&a={quote('baseline:constant')}&b=geopix-mini"


def rows(page: Any) -> list[str]:
    page.locator(".samples-table tbody tr").first.wait_for()
    return list(page.locator(".samples-table tbody tr").all_inner_texts())


def title(page: Any) -> str:
    page.locator("#viewer .answer").first.wait_for()
    return str(page.locator("#viewer-title").inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violation(board: Path, open_page: Any, width: int, scheme: str) -> None:
    opened = open_page(board, width, LINK, color_scheme=scheme, bypass_csp=True)
    page = opened.page
    assert title(page) == "s1"
    page.evaluate(AXE.read_text("utf-8"))
    assert page.evaluate(VIOLATIONS) == []
    page.keyboard.press("Escape")
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    assert page.evaluate(VIOLATIONS) == []
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [words.split(":")[0] for words in page.evaluate(VIOLATIONS)] == ["button-name"]
    assert opened.messages == []


def test_a_link_opens_its_sample_with_both_answers_and_keys_go_on(board: Path, open_page: Any) -> None:
    page = open_page(board, at=LINK).page
    assert title(page) == "s1"
    assert page.locator("#viewer .answer h3").all_inner_texts() == ["A: baseline:constant", "B: geopix-mini"]
    assert page.locator("#viewer canvas").count() == 2
    page.keyboard.press("j")
    page.wait_for_function("document.querySelector('#viewer-title').textContent === 's2'")
    assert eventually(page, lambda: "sample=s2" in page.evaluate("location.hash"))
    page.keyboard.press("k")
    page.wait_for_function("document.querySelector('#viewer-title').textContent === 's1'")
    page.keyboard.press("Escape")
    assert eventually(page, lambda: "sample" not in page.evaluate("location.hash"))
    page.keyboard.press("?")
    page.locator("#help").wait_for()


def colours(page: Any) -> set[str]:
    """The colours that the first canvas shows."""
    found = page.locator("#viewer canvas").first.evaluate(
        """canvas => { const seen = new Set();
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add(data.slice(i, i + 3).join(" "));
        return [...seen]; }"""
    )
    return set(found)


@pytest.mark.parametrize("form", ["board", "folder"])
def test_masks_are_told_apart_and_toggled(form: str, open_page: Any, request: pytest.FixtureRequest) -> None:
    page = open_page(request.getfixturevalue(form), at=LINK).page
    assert title(page) == "s1"
    truth, prediction, both = "86 180 255", "255 110 40", "250 230 60"
    assert eventually(page, lambda: colours(page) == {truth, prediction, both})
    page.keyboard.press("g")
    assert eventually(page, lambda: colours(page) == {prediction})
    page.keyboard.press("p")
    assert eventually(page, lambda: colours(page) == set())


@pytest.mark.parametrize("form", ["single", "folder"])
def test_boxes_are_drawn_and_toggled(tmp_path: Path, form: Any, open_page: Any) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    picture(1).resize((800, 400)).save(tmp_path / "data" / "images" / "1.png")
    records = [
        record(
            "a",
            target=Target(boxes=((100.0, 50.0, 300.0, 250.0),)),
            prediction=Prediction("ok", boxes=((400.0, 50.0, 600.0, 250.0),)),
            statistics={"oa": {"hit": 0.0, "count": 1.0}},
        )
    ]
    run = (result("t", [OA], records), records)
    write_run(tmp_path / "run", manifest("m", tmp_path / "data"), [run], previews=False)
    output = tmp_path / ("board" if form == "folder" else "board.html")
    page = open_page(write_leaderboard([tmp_path / "run"], output, form=form).path, at="#task=t&sample=a").page
    assert title(page) == "a"
    assert eventually(page, lambda: {"86 180 255", "255 110 40"} <= colours(page))
    page.keyboard.press("g")
    assert eventually(page, lambda: "86 180 255" not in colours(page))
    assert page.locator("#task-1 .frame.truth").count() == 1


def test_masks_in_the_page_cover_what_pycocotools_says(board: Path, open_page: Any) -> None:
    page = open_page(board, at=LINK).page
    assert title(page) == "s1"
    # s1's true mask is 50 x 40 at (23, 30); see factory.segment_records.
    lengths = page.evaluate("runLengths(browsers[0].sheet.masks['1'].truth[0])")
    assert sum(lengths[1::2]) == 50 * 40
    assert lengths[0] == 23 * 160 + 30
    assert page.evaluate("runLengths([160, 160, 'zz'])") is None
    assert page.evaluate("runLengths([160, 160, ''])") is None


def test_filters_search_and_sorting_leave_the_rows_that_fit(board: Path, open_page: Any) -> None:
    page = open_page(board, at="#task=rsvqa_hr&show=b&a=baseline%3Aconstant&b=geopix-mini").page
    page.locator("#task-2 .dt-info").wait_for()
    better = int(page.locator("#task-2 .dt-info").inner_text().split()[4])
    matrix = page.locator("#task-2 .duels tbody tr").nth(1).locator("a.duel").inner_text()
    assert matrix.startswith(f"{better} better")
    page.locator("#task-2 .choose-show").select_option("")
    page.locator("#task-2 .choose-tag").select_option(label="type: comparison")
    assert page.locator("#task-2 .dt-info").inner_text().startswith("1 to 6 of 6 samples")
    page.locator("#task-2 .choose-tag").select_option("")
    page.locator("#task-2 .browser .find").fill("hard to say")
    assert all("unparsed" in row for row in rows(page))
    page.locator("#task-2 .browser .find").fill("")
    head = page.locator("#task-2 .samples-table thead th").nth(4)
    head.locator("[role=button]").focus()
    page.keyboard.press("Enter")
    # DataTables sorts after it has drawn that it is about to.
    page.locator("#task-2 .samples-table thead th:nth-child(5)[aria-sort=ascending]").wait_for(timeout=30_000)
    assert "find" not in page.evaluate("location.hash")


def test_folder_keeps_pictures_and_masks_beside_the_page_and_asks_for_nothing_else(
    folder: Path, open_page: Any
) -> None:
    opened = open_page(folder, at=LINK)
    assert title(opened.page) == "s1"
    opened.page.wait_for_timeout(200)
    assert opened.messages == []
    assert [url for url in opened.requests if not url.startswith("file:")] == []
    names = {path.name for path in (folder.parent / "data").iterdir()}
    assert names == {"task-1.js", "task-1-0.js", "task-2.js"}
    assert opened.page.locator("#viewer img").first.evaluate("e => e.naturalWidth") == 160


def test_the_baseline_and_the_best_other_run_stand_side_by_side(folder: Path, open_page: Any) -> None:
    page = open_page(folder, at="#task=rrsis").page
    page.locator("#task-1 .samples-table tbody tr").first.wait_for()
    heads = page.locator("#task-1 .samples-table thead th").all_inner_texts()
    assert [head.split("\n")[0] for head in heads[-2:]] == ["A: baseline:constant", "B: geopix-mini"]


def test_the_scores_are_copied(board: Path, open_page: Any) -> None:
    page = open_page(board, permissions=["clipboard-read", "clipboard-write"]).page
    page.locator(".copy summary").click()
    page.locator("[data-copy]").first.click()
    assert eventually(page, lambda: page.locator("[data-copy]").first.inner_text() == "Copied")


def test_a_long_name_is_broken_between_its_words_on_a_phone(board: Path, open_page: Any) -> None:
    page = open_page(board, 390).page
    name = page.locator("#leaderboard tbody th a").nth(1)
    assert name.inner_text().replace("\n", "") == "baseline:constant"
    lines = name.evaluate("e => new Set([...e.getClientRects()].map(box => Math.round(box.bottom))).size")
    assert lines <= 2
