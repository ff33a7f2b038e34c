"""What the page says, read as text."""

import dataclasses
import html
import inspect
import re
from pathlib import Path

import pytest

from harness.errors import ConfigurationError, DataError
from harness.records import Mask, Prediction, Target
from harness.report.leaderboard import write_leaderboard
from harness.report.page import REPLICATES
from harness.results import Score, Slice
from harness.statistics import interval
from tests.harness.report.factory import (
    MIOU,
    OA,
    manifest,
    picture,
    record,
    result,
    segment_records,
    two_runs,
    vqa_records,
    write_run,
)


def text(page: str) -> str:
    """The page's words in order, white space collapsed."""
    body = re.sub(r"<(style|script)\b.*?</\1>|<wbr>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def write(root: Path, **options: int) -> str:
    return write_leaderboard([root], root / "board.html", **options).path.read_text("utf-8")


def one_run(root: Path, name: str = "mini", **changes: object) -> None:
    records = [record("a"), record("b", image="2")]
    write_run(root / name, manifest(name, root), [(result("rsvqa_hr", [OA], records, **changes), records)])


def test_summary_tells_what_was_written(tmp_path: Path) -> None:
    summary = write_leaderboard([two_runs(tmp_path)], tmp_path / "new" / "board.html", samples_per_task=5)
    assert summary.path == tmp_path / "new" / "board.html"
    assert (summary.runs, summary.tasks, summary.samples) == (2, 2, 10)
    assert summary.bytes == summary.path.stat().st_size


def test_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    root = two_runs(tmp_path)
    assert write(root) == write(root)


def test_score_stands_with_interval_samples_images_and_counts(tmp_path: Path) -> None:
    scores = (Score("oa", 0.712, 0.68, 0.741, n=1200, clusters=1),)
    records = [record("a"), record("b")]
    write_run(tmp_path / "m", manifest("mini", tmp_path), [(result("hr", [OA], records, scores=scores), records)])
    page = text(write(tmp_path))
    assert "71.2 [68.0, 74.1]" in page
    assert "1,200 samples, 1 image 0 unparsed 0 empty 0 failed" in page
    assert "↑ , higher is better" in page


def test_undefined_score_is_not_a_number(tmp_path: Path) -> None:
    one_run(tmp_path, scores=(Score("oa", None, None, None, 0, 0),))
    page = text(write(tmp_path))
    assert "n/a [n/a]" in page
    assert "None" not in page


def test_what_is_not_available_is_explained_in_the_text_and_not_by_hovering_alone(tmp_path: Path) -> None:
    few = "an interval needs two clusters or more, found 1 <b>"
    scores = (Score("oa", 0.5, None, None, 2, 1, few),)
    slices = (Slice("type", "count", (Score("oa", None, None, None, 0, 0, "no sample is scored"),)),)
    one_run(tmp_path, scores=scores, slices=slices)
    page = write(tmp_path)
    assert f"Why some scores or intervals are n/a {few} mini: oa no sample is scored mini: oa, type count" in text(page)
    assert "the reasons stand under each task's tables" in text(page)
    assert f'<span class="interval" title="{html.escape(few)}">[n/a]</span>' in page
    assert '<span class="value" title="no sample is scored">n/a</span>' in page
    assert 'title="an interval needs' not in page.split('class="value"')[1].split(">")[0]


def test_a_page_without_gaps_explains_none(board: Path) -> None:
    assert "Why some scores" not in board.read_text("utf-8")


def test_footnote_says_what_the_interval_is(board: Path) -> None:
    page = text(board.read_text("utf-8"))
    assert "cluster bootstrap with 2,000 replicates, seed 0" in page
    assert "The cluster is image_id for rrsis , rsvqa_hr" in page
    assert "no paired test" in page
    assert inspect.signature(interval).parameters["replicates"].default == REPLICATES


def test_rows_stand_best_first_and_places_are_said(board: Path) -> None:
    page = board.read_text("utf-8")
    rows = re.findall(r'<th scope="row"><a href="#run-\d"><bdi>(.*?)</bdi>.*?</tr>', page, re.DOTALL)
    assert [row.replace("<wbr>", "") for row in rows] == ["geopix-mini", "baseline:constant"]
    table = text(page[page.index("<tbody>") : page.index("</tbody>")])
    first, second = table.split("baseline:")
    assert (first.count("place 1"), second.count("place 2")) == (2, 2)
    assert "Holm's correction over 2 pairs of all columns" in text(page)


def test_lower_is_better_marks_the_lowest(tmp_path: Path) -> None:
    error = dataclasses.replace(OA, unit="pixels", direction="lower")
    for name, value in (("near", 1.5), ("far", 4.0)):
        scores = (Score("oa", value, value - 1, value + 1, 50, 50),)
        records = [record("a")]
        write_run(tmp_path / name, manifest(name, tmp_path), [(result("t", [error], records, scores=scores), records)])
    page = text(write(tmp_path))
    assert "1.50 [0.50, 2.50] lowest" in page
    assert "4.00 [3.00, 5.00] lowest" not in page
    assert "those of t 0.50 to 5.00" in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "the task's version"),
        ({"data_digest": "00" * 32}, "the data"),
        ({"prompt_digest": "00" * 32}, "the prompts"),
        ({"judging": {"judge": "another"}}, "the judge"),
    ],
)
def test_runs_over_different_data_are_said_not_to_be_comparable(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    many = Score("oa", 0.5, 0.4, 0.6, 100, 100)
    one_run(tmp_path, "one", scores=(many,))
    one_run(tmp_path, "two", scores=(dataclasses.replace(many, value=0.6),), **change)
    page = text(write(tmp_path))
    assert f"Not comparable: rsvqa_hr . Its runs differ in {words}. Set A: one . Set B: two ." in page
    assert "set A" in page
    assert "set B" in page
    assert "] highest" not in page


def test_unfinished_task_is_named(tmp_path: Path) -> None:
    one_run(tmp_path)
    torn = tmp_path / "mini" / "rrsis" / "records.jsonl"
    torn.parent.mkdir()
    torn.write_bytes(b"")
    page = text(write(tmp_path))
    assert "Unfinished: mini . No result yet for rrsis" in page


def test_runs_of_one_name_are_told_apart_by_folder(tmp_path: Path) -> None:
    for folder in ("a/last", "b/last"):
        records = [record("a")]
        write_run(tmp_path / folder, manifest("mini", tmp_path), [(result("t", [OA], records), records)])
    page = text(write(tmp_path))
    assert "mini (a/last)" in page
    assert "mini (b/last)" in page


def test_small_slices_are_greyed_and_said(board: Path) -> None:
    page = board.read_text("utf-8")
    assert "n 6 (< 30)" in text(page)
    assert "Grey: fewer than 30 samples" in text(page)
    assert 'class="few"' in page


def test_formula_source_and_facts_are_printed(board: Path) -> None:
    page = text(board.read_text("utf-8"))
    assert "right answers / all answers Source: arXiv:2003.07333 . Registered as accuracy" in page
    assert "preset: rmsin" in page
    assert "CC BY 4.0" in page
    assert "bb" * 32 in page


def test_reasons_are_grouped_and_counted(tmp_path: Path) -> None:
    records = vqa_records(240, 0.7, 0)
    write_run(tmp_path / "m", manifest("mini", tmp_path), [(result("t", [OA], records), records)])
    page = text(write(tmp_path))
    assert "11 mini unparsed expected yes or no, found 31 words" in page
    assert "1 mini failed image 0: truncated at byte 1832" in page


def test_provenance_names_model_command_and_versions(board: Path) -> None:
    page = text(board.read_text("utf-8"))
    assert "geopix-eval --tasks rsvqa_hr,rrsis --model geopix-mini" in page
    assert "d1" * 32 in page
    assert "python 3.11.4" in page
    assert "2026-11-23T10:00:00Z" in page


def test_the_judge_and_what_it_said_are_shown_and_escaped(tmp_path: Path) -> None:
    judged = dataclasses.replace(record("a"), verdicts={"match": "<b>1</b>"})
    found = result("t", [OA], [judged], judging={"judge": "a-model", "prompt of match": "Is {answer} <right>?"})
    write_run(tmp_path / "run", manifest("mini", tmp_path), [(found, [judged])])
    page = write(tmp_path)
    assert "Judge of t , prompt of match Is {answer} <right>?" in text(page)
    assert "The judge says for match <b>1</b>" in text(page)
    assert "<b>1</b>" not in page


def test_addresses_that_could_run_code_are_no_links(tmp_path: Path) -> None:
    one_run(tmp_path, url="javascript:alert(1)")
    page = write(tmp_path)
    assert "javascript:alert(1)" in text(page)
    assert 'href="javascript' not in page


def test_policy_allows_embedded_pictures_and_our_own_text_only(board: Path) -> None:
    page = board.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)
    assert policy is not None
    content = html.unescape(policy[1])
    assert content.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in content
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!#|data:|https://example.org|https://arxiv.org)', body)


def test_run_without_a_sample_says_so(tmp_path: Path) -> None:
    for name, samples in (("one", "ab"), ("two", "a")):
        records = [record(sample, prompt=f"{name} asks") for sample in samples]
        write_run(tmp_path / name, manifest(name, tmp_path), [(result("t", [OA], records), records)])
    page = text(write(tmp_path))
    assert page.count("This run does not hold the sample.") == 1
    assert "Prompt one asks" in page
    assert "Prompt in this run two asks" in page


def test_masks_are_shown_without_their_picture(tmp_path: Path) -> None:
    records = segment_records(2, 3)
    write_run(tmp_path / "m", manifest("mini", tmp_path), [(result("t", [MIOU], records), records)], previews=False)
    page = write(tmp_path)
    assert "Picture not at hand: images/0.png is not in" in text(page)
    assert page.count('class="mask agreement"') == 2


def test_boxes_are_drawn_where_the_image_size_is_known(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    picture(1).resize((800, 400)).save(tmp_path / "data" / "images" / "1.png")
    boxes = {"target": Target(boxes=((100.0, 50.0, 300.0, 250.0),))}
    said = Prediction("ok", boxes=((0.0, 0.0, 1e300, 400.0),))
    records = [record("a", prediction=said, statistics={"oa": {"hit": 0.0, "count": 1.0}}, **boxes)]
    about = manifest("mini", tmp_path / "data")
    write_run(tmp_path / "m", about, [(result("t", [OA], records), records)], previews=False)
    page = write(tmp_path)
    # The picture is 384 pixels wide, so that a pixel of the image is 0.48 of one.
    assert 'class="frame truth" x="48.0" y="24.0" width="96.0" height="96.0"' in page
    assert 'class="frame prediction" x="0.0" y="0.0" width="768.0" height="192.0"' in page
    (tmp_path / "data" / "images" / "1.png").unlink()
    assert "frame truth" not in write(tmp_path).split("</style>")[1]


def test_a_card_says_what_became_of_several_masks(tmp_path: Path) -> None:
    united = dataclasses.replace(segment_records(1, 0)[0].prediction, reason="2 masks, united")
    records = [dataclasses.replace(segment_records(1, 0)[0], prediction=united)]
    write_run(tmp_path / "m", manifest("mini", tmp_path), [(result("refer", [MIOU], records), records)])
    assert "Note 2 masks, united Parsed 1 mask" in text(write(tmp_path))


def test_malformed_mask_leaves_a_note(tmp_path: Path) -> None:
    records = [record("a", target=Target(masks=(Mask((4, 4), "zz"),)))]
    write_run(tmp_path / "m", manifest("mini", tmp_path), [(result("t", [MIOU], records), records)])
    assert "Masks cannot be drawn:" in text(write(tmp_path))


def test_place_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no run below it"):
        write_leaderboard([tmp_path], tmp_path / "board.html")


def test_runs_without_a_finished_task_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "m", manifest("mini", tmp_path), [])
    with pytest.raises(ConfigurationError, match=r"no task is finished here.*goes on where it stopped"):
        write_leaderboard([tmp_path], tmp_path / "board.html")


def test_damaged_records_are_named(tmp_path: Path) -> None:
    one_run(tmp_path)
    (tmp_path / "mini" / "rsvqa_hr" / "records.jsonl").write_bytes(b"{}\n")
    with pytest.raises(DataError, match=r"records\.jsonl:1"):
        write_leaderboard([tmp_path], tmp_path / "board.html")


def test_output_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    one_run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_leaderboard([tmp_path], tmp_path / "file" / "board.html")
