"""The ablations' numbers are the harness's, and their commands are those that a user types."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.ablation import Answers, Estimate, Reading, Stage, Study, call, difference, over_seeds, score, tables
from benchmarks.memory_ablation import METRICS
from benchmarks.mini_ablations import OTHERS, study
from geopix.earth.layouts import LAYOUTS
from geopix.earth.make import make_earth
from geopix.training.recipe import load_recipe
from harness.comparison.difference import paired_difference
from harness.comparison.evidence import metric_of
from harness.comparison.pairing import pair
from tests.harness.comparison.evidence import answers, masks

ROOT = Path(__file__).resolve().parents[2]
IMAGES = [f"image {number // 2}" for number in range(24)]
OIOU = Reading("oIoU", "small", "oiou")


def run(shift: int) -> Answers:
    """24 masks of 100 pixels about 12 images; each covers a share that depends on the shift."""
    found = masks(f"run {shift}", [((37 * number + shift) % 100, 100.0) for number in range(24)], IMAGES)
    return {"small": found}


def test_one_training_has_the_harness_s_difference_and_interval() -> None:
    base, head = run(3), run(41)
    one, other = base["small"], head["small"]
    expected = paired_difference(metric_of(one.card("oiou")), pair(one, other, "oiou"))
    found, others = difference([base], [head], OIOU)
    assert (found.value, found.low, found.high) == pytest.approx(tuple(100 * x for x in _ends(expected)))
    assert (others.low, others.high) == (None, None)


def _ends(found: object) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def test_the_mean_over_seeds_is_the_mean_of_scores() -> None:
    seeds = [run(3), run(41), run(76)]
    single = [score([one], OIOU) for one in seeds]
    together = score(seeds, OIOU)
    assert together.value == pytest.approx(sum(one.value for one in single) / 3)
    widths = [one.high - one.low for one in single]
    assert 0 < together.high - together.low < max(widths)  # the same images are drawn for all of them


def test_alike_trainings_differ_by_nothing_surely() -> None:
    seeds = [run(3), run(41)]
    images, others = difference(seeds, seeds, OIOU)
    assert images == others == Estimate(0.0, 0.0, 0.0)


def test_seeds_that_disagree_widen_the_interval_over_seeds() -> None:
    assert str(over_seeds([0.01])) == "1.0 [n/a]"
    near, far = over_seeds([0.01, 0.012]), over_seeds([0.01, 0.05])
    assert far.high - far.low == pytest.approx(20 * (near.high - near.low))  # 0.04 apart, not 0.002


def test_a_column_may_be_of_some_samples_alone() -> None:
    found = answers("run", [1, 1, 0, 0], found=None)
    sliced = replace(found, tags={"type": ("presence", "comp", "comp", "presence")})
    assert score([{"small": sliced}], Reading("all", "small", "oa")).value == 50
    sliced = replace(sliced, tags={"type": ("presence", "presence", "comp", "comp")})
    assert score([{"small": sliced}], Reading("presence", "small", "oa", {"type": "presence"})).value == 100


def test_the_tables_have_a_row_for_every_training_and_difference() -> None:
    runs = {"none": [run(3), run(41)], "intended": [run(5), run(43)]}
    arms: dict[str, list[Stage]] = {"none": [], "intended": []}
    lines = list(tables(Study("memory", arms, [("none", "intended")], [OIOU]), runs, [0, 1]))
    assert lines[0].splitlines()[0] == "| memory | seed | oIoU |"
    assert [line.split(" | ")[:2] for line in lines if line.startswith("| intended - none")] == [
        ["| intended - none", "0"],
        ["| intended - none", "1"],
        ["| intended - none", "mean of 2, over images"],
        ["| intended - none", "mean of 2, over seeds"],
    ]
    assert sum(line.startswith("| none |") for line in lines) == 3


@pytest.mark.parametrize("arm", ["full", *OTHERS])
def test_every_arm_of_the_mini_is_made_of_right_recipes_and_takes_as_many_steps(arm: str) -> None:
    stages = study(Path("a start"), 7, 5, OTHERS).arms[arm]
    recipes = [load_recipe(stage.recipe, stage.overrides) for stage in stages]
    assert sum(recipe.steps for recipe in recipes) == 12
    assert (recipes[0].base.checkpoint, recipes[0].base.fresh) == (Path("a start"), ["mask_head"])
    assert not any(recipe.tower for recipe in recipes)
    assert recipes[-1].data == load_recipe("mini_stage2").data


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


@pytest.mark.slow
def test_the_mini_s_ablations_train_evaluate_and_compare(tmp_path: Path) -> None:
    earth = tmp_path / "earth"
    make_earth(earth, seed=5, images=6, size=128, splits=(("train", 4), ("test", 2)), formats=tuple(LAYOUTS))
    words = "{task: rsvqa_hr, dataset: {prefix: USGS_split_train}}"
    few = [f"data=[{words}, {{task: rrsis, dataset: {{split: train}}}}]", "images_per_step=2"]
    paths = ["--train", str(earth), "--test", str(earth), "--output", str(tmp_path / "out"), "--base", "geopix-mini"]
    chosen = ["--steps", "1", "1", "--seeds", "0", "--arms", "one-scale", "--set", *few]
    command = [sys.executable, "-m", "benchmarks.mini_ablations", *paths, *chosen]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("done: geopix train mini") == 4
    assert "| one-scale - full | mean of 1, over images |" in done.stdout


def test_a_command_that_fails_ends_with_its_words() -> None:
    with pytest.raises(SystemExit, match="No such option.*--task"):
        call("geopix-eval", "--task", "rrsis")
