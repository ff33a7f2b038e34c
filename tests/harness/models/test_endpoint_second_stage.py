"""An endpoint with a segmenter behind it, by the command: boxes that a server says become masks."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from geopix.earth.make import make_earth
from harness.cli import main
from harness.store import RunDirectory
from tests.harness.judge_server import answers, fails, serving


def test_the_boxes_that_a_server_says_become_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.harness.models.huggingface import tiny

    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-written-0123456789")
    make_earth(tmp_path / "data", seed=3, images=2, splits=(("test", 1),), formats=("rrsisd",))
    sam = tiny.sam(tmp_path / "tiny-sam")
    with serving() as server:
        server.answers = [fails(400, "no"), answers("There is none."), answers("[50, 50, 150, 100]")]
        words = ["--tasks", "rrsis", "--model", f"openai:m@{server.url}+sam:{sam}", "--data-dir", tmp_path / "data",
                 "--output", tmp_path / "run", "--cache", tmp_path / "answers.sqlite", "--model-option", "retries=0",
                 "--model-option", "parallel=1"]  # fmt: skip
        first = CliRunner().invoke(main, list(map(str, words)))
        asked = len(server.asked)
        again = CliRunner().invoke(main, list(map(str, words)))
    assert (first.exit_code, again.exit_code) == (3, 0), first.output + again.output
    records = list(RunDirectory(tmp_path / "run").records("rrsis"))
    assert len(server.asked) == asked + 1, "only the sample that failed is asked again"
    assert sorted(record.prediction.status for record in records) == ["empty", *["ok"] * (len(records) - 1)]
    assert all(record.response and record.response.text for record in records)
    assert RunDirectory(tmp_path / "run").manifest().model == "m + tiny-sam"
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"sk-never-written" not in written
