"""Several processes that train one model: each takes its share of every step's images, and gradients are averaged."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Item = TypeVar("Item")


@dataclass(frozen=True)
class Ranks:
    """This process among those that `torchrun` started.

    Attributes:
        rank: this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> Self:
        """Joins the processes that `torchrun` started; alone when it did not."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return cls(dist.get_rank(), size)

    @property
    def first(self) -> bool:
        """Whether this process writes the logs and checkpoints."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Returns every size-th item, beginning with this process's own.

        >>> Ranks(rank=1, size=2).share("abcd")
        ['b', 'd']
        """
        return list(items[self.rank :: self.size])

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replaces each gradient by its mean over the processes; one that a process lacks counts as zero there."""
        if self.size == 1:
            return
        trainable = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in trainable:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([parameter.grad.flatten() for parameter in trainable if parameter.grad is not None])
        dist.all_reduce(flat)
        pieces = torch.split(flat / self.size, [parameter.numel() for parameter in trainable])
        for parameter, piece in zip(trainable, pieces, strict=True):
            parameter.grad = piece.view_as(parameter)

    def leave(self) -> None:
        """Waits for the others and ends the group."""
        if self.size > 1 and dist.is_initialized():
            dist.barrier()
            dist.destroy_process_group()
