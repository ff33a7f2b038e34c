"""The shipped stages from end to end: tiny pretrained models for the real ones, Mini Earth for the data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from geopix.checkpoint import load_checkpoint
from geopix.training.preparation import Run
from geopix.training.trainer import train

Begin = Callable[..., Run]
Make = Callable[..., Path]
FEW = (
    "steps=2",
    "images_per_step=4",
    "accumulate=2",
    "questions_per_image=2",
    "workers=0",
    "save_every=1",
    "log_every=1",
    "pictures={every: 2, count: 1}",
)


@pytest.mark.slow
def test_both_stages_run_one_after_the_other(
    begin: Begin, clip: Path, make_llama: Make, small: dict[str, Any], tmp_path: Path
) -> None:
    base = {"vision": str(clip), "language": str(make_llama()), "image_size": 32, "config": small}
    few = (*FEW, "evaluation.every=2", "evaluation.limit=1")
    first = train(begin(tmp_path / "1", *few, *seen(1), f"base={json.dumps(base)}", recipe="stage1_small"))
    second = train(begin(tmp_path / "2", *few, *seen(2), f"base.checkpoint={first}", recipe="stage2_small"))
    one, two = (load_checkpoint(folder, torch.device("cpu"))[0].state_dict() for folder in (first, second))
    changed = {name.split(".")[0] for name in one if not torch.equal(one[name], two[name])}
    assert changed == {"language_model", "mask_head"}  # stage 2 keeps tower and projector
    assert (second / "adapter" / "adapter_config.json").is_file()
    assert not (first / "adapter").exists()  # an assembled base is no checkpoint that an adapter could be added to
    assert (tmp_path / "2" / "best" / "training.json").is_file()


def seen(stage: int) -> tuple[str, ...]:
    """Splits that so small a Mini Earth has in the place of those that it lacks; no image of it has several targets."""
    evaluation = "evaluation.tasks.{}.dataset"
    return {
        1: (f"{evaluation.format(0)}={{prefix: LR_split_test}}", f"{evaluation.format(1)}={{split: test}}"),
        2: (f"{evaluation.format(1)}={{prefix: LR_split_test}}", "data.1.task=rrsis", "data.1.dataset={split: train}"),
    }[stage]


@pytest.mark.slow
def test_the_recipe_for_data_of_one_s_own_goes_on_from_the_shipped_mini(begin: Begin, tmp_path: Path) -> None:
    folder = train(begin(tmp_path / "run", *FEW, "base.checkpoint=geopix-mini", recipe="finetune"))
    told = json.loads((folder / "training.json").read_text())
    assert (told["step"], told["recipe"]["name"]) == (2, "finetune")
    assert (tmp_path / "run" / "pictures" / "step-00000002" / "1.png").is_file()


def test_a_mask_head_of_one_level_is_trained_on_another_s_checkpoint(
    begin: Begin, checkpoint: Path, tmp_path: Path
) -> None:
    base = {"checkpoint": str(checkpoint), "fresh": ["mask_head"], "config": {"mask_feature_layers": [-1]}}
    first = train(begin(tmp_path / "1", "steps=1", f"base={json.dumps(base)}"))
    second = train(begin(tmp_path / "2", "steps=1", f"base.checkpoint={first}"))  # goes on with what config.json says
    model, _ = load_checkpoint(second, torch.device("cpu"))
    assert (model.config.num_levels, model.mask_head.token_fusion.weight.shape) == (1, (6,))
