"""What is said before a run."""

import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from geopix.cli import main
from geopix.configuration import GeoPixConfig
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.training.memory import Load, activations, on_meta, weigh
from geopix.training.optimisation import build_optimiser
from geopix.training.parts import choose_attention, part_parameters
from geopix.training.schema import Recipe


def dry_run(recipe: str, *arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["train", recipe, "--dry-run", *map(str, arguments)])
    return result.exit_code, result.output


def test_a_recipe_that_can_run_says_what_it_takes_and_stops(recipe_file: Path, earth: Path, tmp_path: Path) -> None:
    code, output = dry_run(str(recipe_file), "--data-dir", earth, "--output", tmp_path / "run")
    assert code == 0, output
    assert "steps       6 of 2 images, 1 after each other, 1 process" in output
    assert "8 images" in output
    assert "(counted in two batches)" in output
    assert "activations are an estimate" in output
    (total,) = (line.split() for line in output.splitlines() if line.startswith("all "))
    assert total[1] == total[2]  # everything learns
    assert not (tmp_path / "run").exists()


def test_all_that_is_missing_is_said_with_what_is_known(tmp_path: Path) -> None:
    code, output = dry_run("stage1", "--data-dir", tmp_path)
    assert code == 4
    assert "language_model  6,480,465,920    4,194,304" in output
    assert "get it: hf download llava-hf/llava-1.5-7b-hf" in output
    for task in ("rsvqa_hr", "rsvqa_lr", "dior_rsvg", "nwpu_captions", "rsicd", "rrsis"):
        assert output.count(f"task {task}: the data is not at") == 1
    assert "things to mend before this recipe can run:" in output


def test_a_stage_without_its_checkpoint_says_so(tmp_path: Path) -> None:
    code, output = dry_run("stage2", "--data-dir", tmp_path, "base.checkpoint=none")
    assert code == 4
    assert "is no checkpoint folder. Train it first, or name another." in output
    assert "Parts: unknown" in output


def test_a_sample_that_cannot_be_read_is_found_before_the_run(recipe_file: Path, earth: Path, tmp_path: Path) -> None:
    folder = tmp_path / "earth"
    shutil.copytree(earth, folder)
    for image in (folder / "rrsisd/images/rrsisd/JPEGImages").iterdir():
        image.write_bytes(b"no picture")
    code, output = dry_run(str(recipe_file), "--data-dir", folder, "images_per_step=8")
    assert code == 4
    assert "cannot be read" in output


@pytest.mark.parametrize(
    ("attention", "checkpointing", "tokens"),
    [("sdpa", False, 40), ("sdpa", True, 40), ("sdpa", False, 200), ("products", False, 200)],
)
def test_activations_counted_without_values_are_those_that_autograd_keeps(
    checkpoint: Path, attention: str, checkpointing: bool, tokens: int
) -> None:
    recipe = Recipe.model_validate(
        {"name": "t", "base": {"checkpoint": checkpoint}, "data": [{"task": "rrsis"}], "steps": 1}
        | {"gradient_checkpointing": checkpointing, "attention": attention}
    )
    config = GeoPixConfig.from_pretrained(checkpoint)
    load = Load(images=2, tokens=tokens, answers=9, targets=3)
    estimate = activations(on_meta(config, recipe), load, torch.float32)
    model = GeoPixForConditionalGeneration(config).train()
    choose_attention(model, recipe)
    real = kept(model, load, checkpointing)
    assert estimate == pytest.approx(real, rel=0.2)


def kept(model: GeoPixForConditionalGeneration, load: Load, checkpointing: bool) -> int:
    """The bytes that autograd keeps in a real forward pass of the same sizes."""
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    ids = torch.full((load.images, load.tokens), 20)
    ids[:, :16] = model.config.image_token_id
    run = torch.tensor(model.config.run_token_ids)
    ids[0, 20:26] = ids[1, 20:26] = ids[1, 30:36] = run
    labels = torch.full_like(ids, -100)
    labels[0, 20:29] = 20
    seen: dict[int, torch.Tensor] = {}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, torch.nn.Parameter) and not isinstance(tensor._base, torch.nn.Parameter):
            seen[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        side = model.config.vision_config.image_size
        model(ids, torch.zeros(load.images, 3, side, side), labels=labels)
    return sum(tensor.untyped_storage().nbytes() for tensor in seen.values())


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_optimiser_keeps_as_much_as_is_said(checkpoint: Path, kind: str) -> None:
    recipe = Recipe.model_validate(
        {"name": "t", "base": {"checkpoint": checkpoint}, "data": [{"task": "rrsis"}], "steps": 1}
        | {"optimiser": {"kind": kind}}
    )
    config = GeoPixConfig.from_pretrained(checkpoint)
    told = sum(part.optimiser for part in weigh(on_meta(config, recipe), recipe.optimiser))
    model = GeoPixForConditionalGeneration(config)
    optimiser = build_optimiser(recipe.optimiser, [(part, weight) for part, _, weight in part_parameters(model)])
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimiser.step()
    inner = getattr(optimiser, "_inner", [optimiser])
    states = [value for each in inner for state in each.state.values() for value in state.values()]
    assert told == sum(4 * value.numel() for value in states if value.ndim)
