"""The comparison is fair, and its arithmetic is what torch counts."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.training import ratios
from benchmarks.training_arithmetic import Arithmetic, measured_peak
from benchmarks.training_side import Material, PlainCollator, Settings, plain_model, rows_of
from geopix.earth.make import make_earth
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.training.collator import IGNORED
from geopix.training.parts import settle

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("training")
    make_earth(folder, seed=7, images=4, size=64, splits=(("train", 1),), formats=("rsvqa_hr", "rrsisd"))
    return Settings(
        size="tiny",
        device="cpu",
        precision="float32",
        attention="sdpa",
        workers=0,
        lora=False,
        gradient_checkpointing=False,
        images=2,
        accumulate=1,
        questions=3,
        steps=1,
        threads=1,
        masks=True,
        data=str(folder),
        scratch=str(folder / "scratch"),
    )


def geopix_model(material: Material) -> GeoPixForConditionalGeneration:
    model = material.build(lambda: GeoPixForConditionalGeneration(material.config))
    settle(model, material.recipe)
    return model


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("masks", [False, True])
def test_the_arithmetic_is_what_torch_counts_of_a_real_step(settings: Settings, lora: bool, masks: bool) -> None:
    material = Material.of(replace(settings, lora=lora, masks=masks))
    model = geopix_model(material).train()
    places = range(8)
    batches = [material.collate.inputs([material.examples[place]]) for place in places]  # of one row, without padding
    rows = [row for batch in batches for row in rows_of(batch["input_ids"], batch["labels"], material.config)]
    arithmetic = Arithmetic(material.config, material.recipe)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        for batch in batches:
            model(**batch).loss.backward()
    expected = sum(arithmetic.words(row) + arithmetic.masks(row) for row in rows)
    assert any(row.masks for row in rows) == masks
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.01)  # torch counts the rotary angles as well


@pytest.mark.parametrize("lora", [False, True])
def test_both_models_have_the_same_weights_that_learn(settings: Settings, lora: bool) -> None:
    material = Material.of(replace(settings, lora=lora, precision="bfloat16"))
    ours = {name: each for name, each in geopix_model(material).named_parameters() if not name.startswith("mask_head")}
    theirs = dict(plain_model(material).named_parameters())
    for learns in (False, True):
        sizes = [
            sorted((each.numel(), str(each.dtype)) for each in model.values() if each.requires_grad == learns)
            for model in (ours, theirs)
        ]
        assert sizes[0] == sizes[1]


def test_both_sides_read_the_same_rows(settings: Settings) -> None:
    material = Material.of(settings)
    drawn = [material.examples[place] for place in range(3)]
    ours, theirs = material.collate(drawn)["inputs"], PlainCollator(material.collate)(drawn)
    for name in ("input_ids", "labels", "pixel_values"):
        assert torch.equal(ours[name], theirs[name])
    rows = rows_of(theirs["input_ids"], theirs["labels"], material.config)
    assert [row.tokens for row in rows] == theirs["attention_mask"].sum(1).tolist()
    assert sum(row.masks for row in rows) == len(ours["target_masks"])


def test_the_plain_model_learns_from_them(settings: Settings) -> None:
    material = Material.of(settings)
    batch = PlainCollator(material.collate)([material.examples[place] for place in range(2)])
    assert (batch["labels"] != IGNORED).any()
    assert plain_model(material)(**batch).loss.item() > 0


def test_ratios_are_of_samples_in_the_same_time() -> None:
    plain = [{"samples": 8, "wall": 2.0}, {"samples": 8, "wall": 4.0}]
    ours = [{"samples": 8, "wall": 1.0}, {"samples": 16, "wall": 4.0}]
    assert ratios(plain, ours, "wall") == [2.0, 2.0]


def test_the_measured_peak_is_no_less_than_what_a_product_of_matrices_reaches() -> None:
    assert measured_peak("cpu", torch.float32, runs=1) > 1e8


def script(*options: str) -> str:
    command = [sys.executable, "-m", "benchmarks.training", "--size", "tiny", "--threads", "1", "--pictures", "4"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_both_sides_are_trained_and_compared() -> None:
    small = ("--images", "2", "--questions", "2", "--steps", "1", "--rounds", "1", "--accumulate", "2")
    bfloat16 = ("--precision", "bfloat16", "--attention", "products")
    said = script(*small, *bfloat16, "--lora", "--gradient-checkpointing", "--rows", "masks")
    assert "| masks | the plain Trainer |" in said
    assert "| masks | geopix train |" in said
    assert "| rows | times the plain Trainer's samples/s: wall | CPU |" in said


@pytest.mark.slow
def test_a_dry_run_counts_and_trains_nothing() -> None:
    said = script("--dry-run")
    assert "| words | " in said
    assert "| masks | " in said
    assert "of peak" not in said
