"""The benchmarks' scripts run, at a small size; what they print is for people to read."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rsvqa.py", "--questions", "200", "--images", "4", "--runs", "1"), "| scored |"),
        (("overhead.py", "--questions", "200", "--images", "4", "--runs", "1"), "| ratio |"),
        (("merge.py", "--records", "300", "--per-image", "7"), "| 300 | 8 |"),
        (("cluster.py", "--all"), "| `rsvqa_hr` | 222,684 |"),
        (("startup.py", "--runs", "1"), "`geopix-eval ls`"),
    ],
)
def test_a_script_prints_its_table(arguments: tuple[str, ...], words: str) -> None:
    script, *options = arguments
    command = [sys.executable, str(ROOT / "benchmarks" / script), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
