"""FSDP2 spreads the model over two real processes. accelerate offers it on GPUs alone, so torch is asked directly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import torch
from torch.distributed.fsdp import fully_shard
from geopix.checkpoint import load_checkpoint
from geopix.training.parts import settle
from geopix.training.schema import Recipe

torch.distributed.init_process_group("gloo")
recipe = Recipe.model_validate(
    {"name": "t", "base": {"checkpoint": sys.argv[1]}, "data": [{"task": "rrsis"}], "steps": 1, "precision": "bfloat16"}
    | {"parts": {"language_model": "lora", "vision_tower": "frozen"}, "lora": {"dropout": 0}}
)
ids = torch.full((1, 40), 20)
ids[:, :16] = 3
ids[0, 20:26] = torch.arange(4, 10)
batch = {"input_ids": ids, "pixel_values": torch.ones(1, 3, 32, 32), "labels": ids.masked_fill(ids != 20, -100),
         "target_masks": torch.ones(1, 16, 16), "target_classes": torch.tensor([1])}
losses = []
for spread in (False, True):
    torch.manual_seed(0)
    model, _ = load_checkpoint(sys.argv[1], torch.device("cpu"))
    settle(model, recipe, one_type=True)
    if spread:
        for layer in model.language_model.model.layers:
            fully_shard(layer)
        fully_shard(model)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(3):
        loss = model.train()(**batch).loss
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
alone, together = losses[:3], losses[3:]
assert alone[2] < alone[0], alone
assert torch.allclose(torch.tensor(alone), torch.tensor(together), rtol=1e-3), losses
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_the_model_can_be_spread_by_fsdp2(checkpoint: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(script), str(checkpoint)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=400, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
