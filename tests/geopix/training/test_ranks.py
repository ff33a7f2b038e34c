"""Averaging gradients over processes."""

import subprocess
import sys
from pathlib import Path

from geopix.training.ranks import Ranks

SCRIPT = """
import torch
from geopix.training.ranks import Ranks
ranks = Ranks.join()
shared, lone = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))
(shared * torch.tensor([1.0, 10.0]) * (ranks.rank + 1)).sum().backward()
if ranks.first:
    lone.sum().backward()
ranks.average_gradients([shared, lone])
assert shared.grad.tolist() == [1.5, 15.0], shared.grad
assert lone.grad.tolist() == [0.5], lone.grad
ranks.leave()
"""


def test_alone_nothing_is_averaged_or_shared() -> None:
    assert Ranks.join() == Ranks(0, 1)
    assert Ranks().share([1, 2, 3]) == [1, 2, 3]
    assert Ranks().first


def test_two_real_processes_average_what_both_or_one_of_them_have(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(script)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
