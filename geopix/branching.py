"""What follows prompts that were read: how the rows of a batch keep what they have read, and read on.

Questions about one image follow the same long prefix. `PackedRows` keeps that prefix once: the questions of an image
stand side by side in one row of the cache, and a mask lets each see the prefix and itself alone. `OwnRows` keeps a row
of the cache for each question, where there is nothing to share or the attention takes no such mask.

Letters in shapes: N rows (questions), B images, Q the most questions of one image, P prefix tokens, T tokens of a
question, K tokens in the cache, D language width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import Cache

from geopix.growing_cache import branch_of, joined_caches

#: Reads embeddings float[B, T, D] with a mask (int64[B, K] or bool[B, 1, T, K]) and positions int64[B, T] behind what a
#: cache holds: -> float[B, T, D].
Reader = Callable[[Tensor, Tensor, Tensor, Cache], Tensor]


@dataclass(frozen=True)
class Prefill:
    """A batch of prompts that the language model has read.

    Attributes:
        state: float[N, D], the last-layer state at each prompt's last token.
        cache: keys and values of all prompts.
        mask: int64[N, T], 1 on real tokens, 0 on padding.
    """

    state: Tensor
    cache: Cache
    mask: Tensor


class Rows(Protocol):
    """Rows that were read up to here, and how they read on."""

    state: Tensor
    """float[N, D], the last-layer state at each row's last token."""

    def read(self, embeddings: Tensor) -> Tensor:
        """Reads one more token of each row, float[N, D] -> the new state float[N, D]."""


class OwnRows:
    """Each row has its own row of the cache.

    Args:
        read: the language model.
        prefill: what the rows have read; its cache grows.
    """

    def __init__(self, read: Reader, prefill: Prefill) -> None:
        self._read = read
        self._cache = prefill.cache
        self._mask = prefill.mask
        self.state = prefill.state

    def read(self, embeddings: Tensor) -> Tensor:
        """float[N, D] -> float[N, D]."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], dim=1)
        positions = positions_of(self._mask)[:, -1:]
        self.state = self._read(embeddings[:, None], self._mask, positions, self._cache)[:, -1]
        return self.state


class PackedRows:
    """Rows about one image stand side by side behind what they share, which is kept once.

    Args:
        read: the language model.
        trunk: B prefixes that were read; they stay as they are.
        embeddings: float[N, T, D], what follows, padded on the left.
        mask: int64[N, T].
        index: int64[N] in 0..B-1, the prefix that each row follows.
    """

    def __init__(self, read: Reader, trunk: Prefill, embeddings: Tensor, mask: Tensor, index: Tensor) -> None:
        self._read = read
        self._place, self._shape = _places(index)
        images, slots = self._shape
        used = torch.unique(index)
        self._cache = branch_of(trunk.cache, used)
        before = trunk.mask[used].bool()
        real = self._spread(mask.bool())
        itself = torch.eye(slots, dtype=torch.bool, device=mask.device)
        self._itself = itself.expand(images, -1, -1)
        self._next = before.sum(dim=1, keepdim=True) + real.sum(dim=-1)
        own = itself[None, :, :, None] & real[:, None]  # a row sees its own question: bool[B, Q, Q, T]
        self._sees = torch.cat([before[:, None].expand(-1, slots, -1), own.flatten(2)], dim=-1)
        states = self._read_questions(self._spread(embeddings), real, before, own)
        last = states.reshape(images * slots, -1, states.shape[-1])[:, -1]
        self.state = last[self._place]

    def _read_questions(self, grid: Tensor, real: Tensor, before: Tensor, own: Tensor) -> Tensor:
        """Each token sees the prefix and its own question up to itself: float[B, Q, T, D] -> float[B, Q*T, D]."""
        length = grid.shape[2]
        earlier = torch.ones(length, length, dtype=torch.bool, device=grid.device).tril()
        within = (own[:, :, None] & earlier[None, None, :, None]).flatten(3).flatten(1, 2)
        prefix = before[:, None].expand(-1, within.shape[1], -1)
        positions = before.sum(dim=1)[:, None, None] + positions_of(real)
        return self._read(
            grid.flatten(1, 2), torch.cat([prefix, within], dim=-1)[:, None], positions.flatten(1), self._cache
        )

    def read(self, embeddings: Tensor) -> Tensor:
        """float[N, D] -> float[N, D]."""
        self._sees = torch.cat([self._sees, self._itself], dim=-1)
        states = self._read(self._spread(embeddings), self._sees[:, None], self._next, self._cache)
        self._next = self._next + 1
        self.state = states.flatten(0, 1)[self._place]
        return self.state

    def _spread(self, rows: Tensor) -> Tensor:
        """[N, ...] -> [B, Q, ...], zeros where an image has fewer questions."""
        images, slots = self._shape
        grid = rows.new_zeros(images * slots, *rows.shape[1:])
        grid[self._place.to(rows.device)] = rows
        return grid.reshape(images, slots, *rows.shape[1:])


def joined_prefills(prefills: Sequence[Prefill]) -> Prefill:
    """Several batches of prompts of one length as one; they stay as they are."""
    states, masks = ([getattr(prefill, name) for prefill in prefills] for name in ("state", "mask"))
    return Prefill(torch.cat(states), joined_caches([prefill.cache for prefill in prefills]), torch.cat(masks))


def _places(index: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Where each row stands in a grid of images by questions, int64[N], and the grid's shape (B, Q).

    >>> _places(torch.tensor([7, 4, 7, 7]))
    (tensor([3, 0, 4, 5]), (2, 3))
    """
    images, image = torch.unique(index, return_inverse=True)
    same = image[:, None] == image[None]
    number = same.tril(-1).sum(dim=1)
    slots = int(number.max()) + 1
    return image * slots + number, (len(images), slots)


def packs_well(index: Tensor) -> bool:
    """Whether at least half of the grid of images by questions would be filled."""
    images, slots = _places(index)[1]
    return images * slots <= 2 * len(index)


def positions_of(mask: Tensor) -> Tensor:
    """Positions that count real tokens only: int64[..., T] mask -> int64[..., T].

    >>> positions_of(torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]]))
    tensor([[0, 0, 0, 1],
            [0, 1, 2, 2]])
    """
    return (mask.long().cumsum(dim=-1) - 1).clamp(min=0)
