"""The ablation's numbers are the harness's, and its commands are those that a user types."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.memory_ablation import METRICS, Estimate, call, difference, over_seeds, score, tables
from geopix.earth.layouts import LAYOUTS
from geopix.earth.make import make_earth
from harness.comparison.difference import paired_difference
from harness.comparison.evidence import Evidence, metric_of
from harness.comparison.pairing import pair
from tests.harness.comparison.evidence import masks

ROOT = Path(__file__).resolve().parents[2]
IMAGES = [f"image {number // 2}" for number in range(24)]


def run(shift: int) -> Evidence:
    """24 masks of 100 pixels about 12 images; each covers a share that depends on the shift."""
    return masks(f"run {shift}", [((37 * number + shift) % 100, 100.0) for number in range(24)], IMAGES)


def test_one_training_has_the_harness_s_difference_and_interval() -> None:
    base, head = run(3), run(41)
    expected = paired_difference(metric_of(base.card("oiou")), pair(base, head, "oiou"))
    found, others = difference([base], [head], "oiou")
    assert (found.value, found.low, found.high) == pytest.approx(tuple(100 * x for x in _ends(expected)))
    assert (others.low, others.high) == (None, None)


def _ends(found: object) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def test_the_mean_over_seeds_is_the_mean_of_scores() -> None:
    seeds = [run(3), run(41), run(76)]
    single = [score([one], "oiou") for one in seeds]
    together = score(seeds, "oiou")
    assert together.value == pytest.approx(sum(one.value for one in single) / 3)
    widths = [one.high - one.low for one in single]
    assert 0 < together.high - together.low < max(widths)  # the same images are drawn for all of them


def test_alike_trainings_differ_by_nothing_surely() -> None:
    seeds = [run(3), run(41)]
    images, others = difference(seeds, seeds, "oiou")
    assert images == others == Estimate(0.0, 0.0, 0.0)


def test_seeds_that_disagree_widen_the_interval_over_seeds() -> None:
    assert str(over_seeds([0.01])) == "1.0 [n/a]"
    near, far = over_seeds([0.01, 0.012]), over_seeds([0.01, 0.05])
    assert far.high - far.low == pytest.approx(20 * (near.high - near.low))  # 0.04 apart, not 0.002


def test_the_tables_have_a_row_for_every_training_and_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.memory_ablation.METRICS", {"oiou": "oIoU"})
    runs = {"none": [run(3), run(41)], "intended": [run(5), run(43)]}
    lines = list(tables(runs, [0, 1]))
    assert [line.split(" | ")[:2] for line in lines if line.startswith("| intended - none")] == [
        ["| intended - none", "0"],
        ["| intended - none", "1"],
        ["| intended - none", "mean of 2, over images"],
        ["| intended - none", "mean of 2, over seeds"],
    ]
    assert sum(line.startswith("| none |") for line in lines) == 3


@pytest.mark.slow
def test_the_whole_ablation_runs_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    earth = tmp_path / "earth"
    make_earth(earth, seed=5, images=6, size=128, splits=(("train", 4), ("test", 2)), formats=tuple(LAYOUTS))
    paths = ["--train", str(earth), "--test", str(earth), "--output", str(tmp_path / "out")]
    command = [sys.executable, "-m", "benchmarks.memory_ablation", *paths, "--seeds", "0", "--set", "steps=1"]
    first, second = (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200) for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("geopix train memory_ablation") == 3
    assert second.returncode == 0, second.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert f"| memory | seed | {' | '.join(METRICS.values())} |" in first.stdout


def test_a_command_that_fails_ends_with_its_words() -> None:
    with pytest.raises(SystemExit, match="No such option.*--task"):
        call("geopix-eval", "--task", "rrsis")
