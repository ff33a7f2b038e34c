"""Low-rank additions: merged into the checkpoint, and kept apart for peft."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from geopix.checkpoint import load_checkpoint
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.peft_adapters import load, source
from geopix.training.parts import fix_norms, part_parameters, settle
from geopix.training.preparation import Run
from geopix.training.schema import Recipe
from geopix.training.trainer import train
from harness.errors import ConfigurationError

Begin = Callable[..., Run]
CPU = torch.device("cpu")


def answer(model: GeoPixForConditionalGeneration) -> list[torch.Tensor]:
    """Logits and masks in float64, so that nothing but the stored weights' own rounding can differ."""
    ids = torch.full((1, 40), 20)
    ids[:, :16] = model.config.image_token_id
    ids[0, 20:26] = torch.tensor(model.config.run_token_ids)
    with torch.no_grad():
        output = model.eval().double()(ids, torch.ones(1, 3, 32, 32, dtype=torch.float64))
    return [output.logits, output.mask_logits]


def test_merged_and_added_to_its_base_it_answers_as_it_was_trained(
    begin: Begin, checkpoint: Path, tmp_path: Path
) -> None:
    run = begin(tmp_path / "run", "parts={language_model: lora, vision_tower: frozen}", "lora.dropout=0", "steps=3")
    folder = train(run)
    trained = answer(run.model)
    merged, _ = load_checkpoint(folder, CPU)
    base, _ = load_checkpoint(checkpoint, CPU)
    before = answer(base)
    added, _ = load(source(folder / "adapter"), CPU)
    for own, whole, apart, untrained in zip(trained, answer(merged), answer(added), before, strict=True):
        torch.testing.assert_close(whole, own, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(apart, own, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(untrained, own, atol=1e-2)
    told = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == str(checkpoint.resolve())
    assert not [name for name, _ in merged.named_parameters() if "lora" in name]


def test_what_is_frozen_stays_beside_low_rank_additions(begin: Begin, checkpoint: Path, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", "parts={language_model: lora, vision_tower: frozen}", "steps=2")
    train(run)
    base = load_checkpoint(checkpoint, CPU)[0].state_dict()
    for part, name, parameter in part_parameters(run.model):
        original = name.replace(".base_layer.", ".")
        if part in ("language_model", "vision_tower") and ".lora_" not in name:
            assert torch.equal(base[original], parameter), name


def test_a_run_with_dropout_goes_on_the_same(begin: Begin, tmp_path: Path) -> None:
    """The sources of chance are part of a state."""
    settings = ("parts.language_model=lora", "lora.dropout=0.5", "steps=4")
    whole = train(begin(tmp_path / "whole", *settings))

    def stop(step: int, steps: int, losses: dict[str, float]) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(begin(tmp_path / "cut", *settings), stop)
    cut = train(begin(tmp_path / "cut", *settings))
    assert (cut / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_layer_that_does_not_exist_is_named(begin: Begin, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lora.targets: .* no linear layer 'q_prj'. Did you mean 'q_proj'"):
        begin(tmp_path / "run", "parts.language_model=lora", "lora.targets=[q_prj]")


def test_what_rests_is_kept_in_sixteen_bits_and_what_learns_is_not(checkpoint: Path) -> None:
    model, _ = load_checkpoint(checkpoint, CPU)
    recipe = Recipe.model_validate(
        {"name": "t", "base": {"checkpoint": checkpoint}, "data": [{"task": "rrsis"}], "steps": 1}
        | {"precision": "bfloat16", "parts": {"language_model": "lora", "vision_tower": "frozen"}}
    )
    settle(model, recipe)
    types = {(part, ".lora_" in name): parameter.dtype for part, name, parameter in part_parameters(model)}
    assert types["vision_tower", False] == types["language_model", False] == torch.bfloat16
    assert types["language_model", True] == types["memory", False] == types["embeddings", False] == torch.float32


@pytest.mark.slow
def test_a_run_in_sixteen_bits_with_checkpointing_trains(begin: Begin, tmp_path: Path) -> None:
    settings = (
        "precision=bfloat16",
        "gradient_checkpointing=true",
        "parts={language_model: lora, vision_tower: frozen}",
    )
    extra = ("pictures={every: 2, count: 1}", "evaluation={tasks: [{task: rrsis}], every: 2, limit: 1}")
    folder = train(begin(tmp_path / "run", *settings, *extra, "steps=2"))
    model, _ = load_checkpoint(folder, CPU)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_stored_means_do_not_learn(checkpoint: Path) -> None:
    model, _ = load_checkpoint(checkpoint, CPU)
    model.train()
    fix_norms(model)
    norm = model.mask_head.necks[0].conv1[1]
    before = norm.running_mean.clone()
    norm(torch.randn(2, 8, 4, 4))
    assert torch.equal(norm.running_mean, before)
    assert model.mask_head.training
