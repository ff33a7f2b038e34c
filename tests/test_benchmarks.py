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
        (("throughput.py", "--stand-in", "--images", "4", "--runs", "1", "--batch-seconds", "0.01"), "| in threads |"),
        (("startup.py", "--runs", "1"), "`geopix-eval ls`"),
    ],
)
def test_a_script_prints_its_table(arguments: tuple[str, ...], words: str) -> None:
    script, *options = arguments
    command = [sys.executable, str(ROOT / "benchmarks" / script), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


@pytest.mark.slow
def test_inference_is_timed_on_a_checkpoint_in_the_released_layout(shared: Path) -> None:
    options = ["1 question an image, 4 tokens", "--ways", "all,eager attention", "--runs", "1", "--threads", "1"]
    command = [sys.executable, str(ROOT / "benchmarks" / "inference.py"), *options]
    command += ["--release", str(shared / "parity/release/checkpoint")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| ours, CPU ms a question (MiB) | 1 question an image, 4 tokens |" in done.stdout
    assert "| eager attention | " in done.stdout
    assert "| authors" not in done.stdout
