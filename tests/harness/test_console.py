"""What a terminal shows of a run: legible at 80 columns, undefined scores as n/a with their reason."""

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from harness.console import results_summary, show_score, task_progress
from harness.results import Score, TaskResult
from tests.harness.report import factory

LONG = "earthdial_region_captions"


def shown(renderable: RenderableType, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()


def result(task: str, *scores: Score) -> TaskResult:
    records = factory.vqa_records(60, 0.8, seed=1)
    cards = [replace(factory.OA, name=score.name, primary=index == 0) for index, score in enumerate(scores)]
    return factory.result(task, cards, records, scores=scores, slices=())


def test_a_large_table_fits_80_columns_uncut() -> None:
    score = Score("oa", 0.86534, 0.8587, 0.87212, 1_002_004, 500)
    text = shown(results_summary([result(LONG, score, replace(score, name="precision_at_90"))]))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for part in (LONG, "precision_at_90 ↑", "86.53", "85.87 to 87.21", "1002004"):
        assert part in text


def test_counts_and_reasons_stand_below() -> None:
    score = Score("oa", 0.5, None, None, 58, 1, "an interval needs two clusters or more, found 1")
    text = shown(results_summary([result("small", score)]), width=200)
    assert "small: 60 samples: " in text
    assert "1 failed" in text
    assert "small: oa: no interval because an interval needs two clusters or more, found 1" in text


def test_an_undefined_score_is_not_zero() -> None:
    assert show_score(factory.OA, None) == "n/a"
    text = shown(results_summary([result("small", Score("oa", None, None, None, 0, 0, "no sample is scored"))]))
    assert text.count("n/a") == 3


def test_names_from_files_are_no_markup() -> None:
    score = Score("oa", 0.5, 0.4, 0.6, 60, 9)
    assert "[red]x[/red]" in shown(results_summary([result("[red]x[/red]", score)]))


def test_progress_is_drawn_on_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    with task_progress() as progress:
        progress("small", 3, 12)
        progress("small", 12, 12)
    captured = capsys.readouterr()
    assert "12/12" in captured.err
    assert captured.out == ""
