"""The loop, on real files and the real mini: two steps, but whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from geopix.adapter import checkpoint as load
from geopix.training.recipe import load_recipe
from geopix.training.trainer import NonFiniteLossError, Run, prepare, train
from harness.errors import ConfigurationError
from harness.plugins import installed
from harness.run import catalogue_of

QUICK = ("steps=2", "images_per_step=2", "questions_per_image=2", "log_every=1", "base.vocabulary=300", "tower.steps=1")


def start(earth: Path, output: Path, *overrides: str) -> Run:
    return prepare(load_recipe("mini", [*QUICK, *overrides]), earth, output, catalogue_of(()), installed())


def history(output: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (output / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_run_leaves_a_checkpoint_that_the_harness_loads(earth: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    folder = train(start(earth, tmp_path / "run"), lambda step, steps, losses: seen.append(step))
    story = json.loads((folder / "training.json").read_text())
    assert seen == [1, 1, 2]  # the tower's step, then the model's two
    assert story["recipe"]["steps"] == story["step"] == 2
    assert load(str(folder), {"device": "cpu"}).geopix.model.config.memory_class_names[1] == "ship"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 16_000_000


def test_the_same_recipe_gives_the_same_losses_and_weights(earth: Path, tmp_path: Path) -> None:
    folders = [train(start(earth, tmp_path / name)) for name in ("one", "two")]
    assert history(tmp_path / "one") == history(tmp_path / "two")
    one, two = [(folder / "model.safetensors").read_bytes() for folder in folders]
    assert one == two


def test_another_seed_is_another_run(earth: Path, tmp_path: Path) -> None:
    train(start(earth, tmp_path / "one"))
    train(start(earth, tmp_path / "two", "seed=1"))
    assert history(tmp_path / "one") != history(tmp_path / "two")


def test_a_loss_that_is_no_number_stops_before_the_step(earth: Path, tmp_path: Path) -> None:
    run = start(earth, tmp_path / "run", "tower=null")
    with torch.no_grad():
        run.model.multi_modal_projector.linear_1.weight.fill_(float("nan"))
    before = run.model.mask_head.state_dict()
    with pytest.raises(NonFiniteLossError, match=r"step 1: the loss is .*nan.* Its images: \d+, \d+"):
        train(run)
    after = run.model.mask_head.state_dict()
    trained = [name for name, _ in run.model.mask_head.named_parameters()]
    assert all(torch.equal(before[name], after[name]) for name in trained)


def test_a_folder_with_a_run_is_not_overwritten(earth: Path, tmp_path: Path) -> None:
    train(start(earth, tmp_path / "run"))
    with pytest.raises(ConfigurationError, match="holds a training run already"):
        start(earth, tmp_path / "run")


def test_training_goes_on_from_a_checkpoint(earth: Path, tmp_path: Path) -> None:
    first = train(start(earth, tmp_path / "one"))
    run = start(earth, tmp_path / "two", "base.size=null", f"base.checkpoint={first}", "losses.dice=0.25")
    assert run.model.config.dice_loss_weight == 0.25
    weights = run.model.state_dict()["multi_modal_projector.linear_1.weight"].clone()
    stored = load(str(first), {"device": "cpu"}).geopix.model.state_dict()["multi_modal_projector.linear_1.weight"]
    assert torch.equal(weights, stored)


def test_frozen_parts_keep_the_weights_that_the_tower_s_step_left(earth: Path, tmp_path: Path) -> None:
    run = start(earth, tmp_path / "run", "frozen=[multi_modal_projector]", "thaw=1", "tower=null")
    before = {name: value.clone() for name, value in run.model.state_dict().items() if "multi_modal" in name}
    head = run.model.mask_head.text_hidden_fcs[0].weight.detach().clone()
    train(run)
    after = run.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not torch.equal(head, run.model.mask_head.text_hidden_fcs[0].weight)


def test_frozen_parts_learn_once_they_thaw(earth: Path, tmp_path: Path) -> None:
    run = start(earth, tmp_path / "run", "frozen=[multi_modal_projector]", "thaw=0.5", "tower=null")
    before = run.model.multi_modal_projector.linear_1.weight.detach().clone()
    seen: list[bool] = []
    train(
        run,
        lambda step, steps, losses: seen.append(bool(run.model.multi_modal_projector.linear_1.weight.eq(before).all())),
    )
    assert seen == [True, False]


def test_the_tower_can_be_taught_alone(earth: Path, tmp_path: Path) -> None:
    folder = train(start(earth, tmp_path / "run", "steps=0"))
    assert json.loads((folder / "training.json").read_text())["step"] == 0
    assert len(history(tmp_path / "run")) == 1


def test_a_frozen_part_that_does_not_exist_is_named_before_training(earth: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no part 'vision_towr'. Did you mean 'vision_tower'"):
        start(earth, tmp_path / "run", "frozen=[vision_towr]")


@pytest.mark.slow
def test_two_processes_keep_the_same_weights(earth: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, hashlib\n"
        "from pathlib import Path\n"
        "from tests.geopix.training.test_trainer import start\n"
        "from geopix.training.trainer import train\n"
        "run = start(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "train(run)\n"
        "names = [name for name, _ in run.model.named_parameters()]\n"
        "state = run.model.state_dict()\n"
        "digest = hashlib.sha256(b''.join(state[name].numpy().tobytes() for name in names)).hexdigest()\n"
        "Path(sys.argv[2], f'rank{run.ranks.rank}').write_text(digest)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(script), str(earth)]
    subprocess.run([*command, str(tmp_path / "run")], check=True, timeout=240, cwd=Path(__file__).parents[3])
    digests = {(tmp_path / "run" / f"rank{rank}").read_text() for rank in (0, 1)}
    assert len(digests) == 1
    assert len(history(tmp_path / "run")) == 3
