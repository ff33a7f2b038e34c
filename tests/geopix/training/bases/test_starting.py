"""What training starts from: another memory plugged in, parts drawn anew, and nothing else touched."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from geopix.checkpoint import load_checkpoint, save_checkpoint
from geopix.class_memory import ClassMemory, NoMemory, ReleasedNoOpMemory
from geopix.mini import MINI
from geopix.training.bases.build import sketch_base
from geopix.training.bases.starting import starting_point
from geopix.training.recipe import load_recipe
from geopix.training.schema import Base
from harness.errors import ConfigurationError, EnvironmentProblem

VARIANTS = {"none": NoMemory, "released_noop": ReleasedNoOpMemory, "intended": ClassMemory}


def weights(checkpoint: Path, seed: int = 0, **base: object) -> dict[str, Tensor]:
    return starting_point(Base(checkpoint=checkpoint, **base), seed)[0].state_dict()


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    return {name for name in one.keys() & other.keys() if not torch.equal(one[name], other[name])}


def parts(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("memory", VARIANTS)
def test_a_recipe_plugs_in_the_memory_it_names(checkpoint: Path, memory: str) -> None:
    model, _ = starting_point(Base(checkpoint=checkpoint, memory=memory), 0)
    assert type(model.mask_head.memory) is VARIANTS[memory]
    assert model.config.memory_attention == memory


def test_without_a_word_the_checkpoint_stays_as_it_is(checkpoint: Path) -> None:
    stored = load_file(checkpoint / "model.safetensors")
    assert not differing(weights(checkpoint), stored)


def test_the_same_kind_of_memory_is_forgotten_too(checkpoint: Path) -> None:
    stored = load_file(checkpoint / "model.safetensors")
    changed = differing(weights(checkpoint, memory="intended"), stored)
    assert "mask_head.memory.bank.memory" in changed
    assert all(name.startswith("mask_head.memory.") for name in changed)


def test_another_memory_is_drawn_from_the_seed_and_the_rest_is_kept(checkpoint: Path) -> None:
    stored = load_file(checkpoint / "model.safetensors")
    fresh = weights(checkpoint, memory="released_noop")
    assert not differing(fresh, stored) - {"mask_head.memory.attention.norm.weight"}
    assert fresh["mask_head.memory.attention.layers.0.scale"].unique().tolist() == pytest.approx([1.421])


def test_fresh_parts_depend_on_the_seed_and_on_nothing_else(checkpoint: Path) -> None:
    stored = load_file(checkpoint / "model.safetensors")
    one, again, other = (weights(checkpoint, seed, fresh=["mask_head"]) for seed in (1, 1, 2))
    assert not differing(one, again)
    assert parts(differing(one, stored)) == parts(differing(one, other)) == {"mask_head"}
    drawn = {name for name in differing(one, other) if name.startswith("mask_head.mask_decoder")}
    assert "mask_head.mask_decoder.transformer.0.layers.0.self_attn.q_proj.weight" in drawn


def test_a_fresh_part_forgets_the_statistics_of_its_batches_too(checkpoint: Path, tmp_path: Path) -> None:
    trained = _changed(checkpoint, tmp_path, lambda tensors: {name: tensor + 1 for name, tensor in tensors.items()})
    fresh = weights(trained, fresh=["mask_head"])
    assert fresh["mask_head.necks.0.conv1.1.running_mean"].abs().max() == 0
    assert not differing(weights(checkpoint, fresh=["mask_head"]), fresh) & {n for n in fresh if "mask_head" in n}


def test_variants_share_every_number_but_the_memory_s(checkpoint: Path) -> None:
    none, noop, intended = (weights(checkpoint, 3, fresh=["mask_head"], memory=memory) for memory in VARIANTS)
    for other in (noop, intended):
        assert not differing(none, other)
        assert all(name.startswith("mask_head.memory.") for name in other.keys() - none.keys())


ONE_LEVEL = {"mask_feature_layers": [-1]}


def test_a_fresh_mask_head_may_have_another_shape_and_the_rest_is_kept(checkpoint: Path, tmp_path: Path) -> None:
    base = Base(checkpoint=checkpoint, fresh=["mask_head"], config=ONE_LEVEL)
    model, processor = starting_point(base, 0)
    assert parts(differing(model.state_dict(), load_file(checkpoint / "model.safetensors"))) == {"mask_head"}
    assert len(model.mask_head.necks) == 1
    assert model.mask_head.token_fusion.weight.tolist() == pytest.approx([1 / 6] * 6)
    save_checkpoint(model, processor, tmp_path, "1GB")
    again = load_checkpoint(tmp_path, torch.device("cpu"))[0]
    assert again.config.seg_token_ids == (sum(processor.seg_token_ids, ()),)  # six tokens a mask, as before
    assert not differing(again.state_dict(), model.state_dict())


def test_a_dry_run_knows_of_the_other_mask_head(checkpoint: Path) -> None:
    base = {"checkpoint": str(checkpoint), "fresh": ["mask_head"], "config": ONE_LEVEL, "memory": "none"}
    config = sketch_base(load_recipe("mini", [f"base={json.dumps(base)}", "tower=null"]))
    assert (config.num_levels, config.memory_attention) == (1, "none")


def test_the_shipped_mini_is_called_by_its_name() -> None:
    assert not differing(weights(Path("geopix-mini")), load_file(MINI / "model.safetensors"))


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ({"memory": "intendet"}, r"unknown memory 'intendet'. Did you mean 'intended'\? Known: intended, rel"),
        ({"fresh": ["mask_heat"]}, r"base.fresh: the model has no part 'mask_heat'. Did you mean 'mask_head'"),
        (
            {"fresh": ["vision_tower"]},
            "base.fresh: CLIPVisionEmbeddings at '.*' does not say how",
        ),
        (
            {"fresh": ["mask_head"], "config": {"vision_feature_layer": -2}},
            "base.config: 'vision_feature_layer' is no field of the mask head, .* Known: mask_feature_layers",
        ),
        (
            {"fresh": ["mask_head"], "config": {"memory_lenght": 2}},
            r"base.config: 'memory_lenght' is no .*checkpoint\. Did you mean 'memory_length'\?",
        ),
        (
            {"fresh": ["mask_head"], "config": {"mask_feature_layers": [-1, -2, -3, -1]}},
            "seg_token_ids must hold the same number of tokens for each level",
        ),
        (
            {"fresh": ["mask_head"], "config": {"mask_feature_layers": -1}},
            r"its configuration cannot have \{'mask_feature_layers': -1\}",
        ),
    ],
)
def test_what_cannot_be_started_from_is_refused(checkpoint: Path, base: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        weights(checkpoint, **base)


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=f"{tmp_path / 'none'}: no such checkpoint folder"):
        weights(tmp_path / "none", memory="none")


def test_missing_weights_are_refused_unless_they_are_drawn_anew(checkpoint: Path, tmp_path: Path) -> None:
    lost = "mask_head.necks.0.conv1.0.weight"
    torn = _changed(checkpoint, tmp_path, lambda tensors: {n: t for n, t in tensors.items() if n != lost})
    assert torch.isfinite(weights(torn, fresh=["mask_head"])[lost]).all()
    with pytest.raises(EnvironmentProblem, match=rf"{tmp_path}.*lack 1 tensors of this model \({lost}"):
        weights(torn)


def test_weights_of_another_shape_are_refused_unless_they_are_drawn_anew(checkpoint: Path) -> None:
    base = Base(checkpoint=checkpoint, fresh=["mask_head.necks", "mask_head.memory"], config=ONE_LEVEL)
    with pytest.raises(EnvironmentProblem, match=r"lack \d+ tensors of this model \(mask_head\.\S+ in its shape"):
        starting_point(base, 0)


def _changed(checkpoint: Path, folder: Path, change: object) -> Path:
    for path in checkpoint.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(change(tensors), folder / "model.safetensors", metadata={"format": "pt"})
    return folder
