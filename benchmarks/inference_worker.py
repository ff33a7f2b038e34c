"""What both children of `inference.py` share: they answer workloads on request, and measure themselves.

It runs in the authors' environment too, so it needs torch and nothing else.
"""

import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

#: What a child gives back: for each question its tokens, and the mask logits of its targets.
Answers = list[dict[str, Tensor]]


class Forced(nn.Module):
    """A language head that computes its logits and then raises those of given words, one a step.

    Args:
        head: the real head.
        answers: for each row the token ids that it shall say.
    """

    def __init__(self, head: nn.Module, answers: list[list[int]]) -> None:
        super().__init__()
        self.head = head
        self.answers = answers
        self.step = 0

    def forward(self, states: Tensor) -> Tensor:
        logits: Tensor = self.head(states)
        last = logits if logits.ndim == 2 else logits[:, -1]
        for row, answer in enumerate(self.answers):
            last[row, answer[min(self.step, len(answer) - 1)]] = 1e6
        self.step += 1
        return logits


def serve(workloads: Path, answer: Callable[[dict[str, Any]], Answers]) -> None:
    """Answers the workload that each line of the standard input names, and prints what that took as JSON."""
    known = torch.load(workloads, weights_only=True)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        before = _start_of_memory()
        wall, cpu = time.perf_counter(), time.process_time()
        answers = answer(known[asked["workload"]])
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        took["mebibytes"] = (_kibibytes("VmHWM") - before) / 1024
        torch.save(answers, asked["out"])
        del answers
        print(json.dumps(took), flush=True)


def _start_of_memory() -> int:
    """Gives freed memory back, forgets the highest mark, and says what the process holds, in KiB (Linux only)."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _kibibytes("VmRSS")


def _kibibytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
