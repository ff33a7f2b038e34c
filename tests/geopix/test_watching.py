"""A training's checkpoints are evaluated for real, each in its own process."""

import os
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main


def test_checkpoints_become_runs_and_a_board(
    checkpoint: Path, earth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("step-1", "broken"):
        shutil.copytree(checkpoint, tmp_path / "training" / name)
        for file in (tmp_path / "training" / name).iterdir():
            os.utime(file, (time.time() - 60,) * 2)
    (tmp_path / "training/broken/model.safetensors").write_bytes(b"cut off")
    words = ["watch", "training", "--tasks", "rrsis", "--data-dir", str(earth), "--idle", "0", "--settled", "0"]
    done = CliRunner().invoke(main, [*words, "--", "--model-option", "device=cpu", "--limit", "2"])
    assert done.exit_code == 3
    assert "not evaluated: broken" in done.output
    assert (tmp_path / "runs/training/step-1/rrsis/result.json").is_file()
    assert "step-1" in (tmp_path / "leaderboard.html").read_text("utf-8")
