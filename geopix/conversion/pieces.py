"""Our tensors from released ones, and released ones from ours; nothing is read before it is written."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from geopix.conversion.names import LISTS, released_names
from geopix.conversion.tensors import StoredTensor


def gather(ours: str, shape: tuple[int, ...], released: Mapping[str, StoredTensor]) -> StoredTensor:
    """One of our tensors, from the released one or from the list of numbers that it is there."""
    pieces = [released[name] for name in released_names(ours, shape)]
    if ours not in LISTS:
        return pieces[0]
    return replace(pieces[0], shape=shape, load=lambda: torch.stack([piece.load() for piece in pieces]))


def scatter(ours: str, shape: tuple[int, ...], tensor: StoredTensor) -> Iterator[tuple[str, StoredTensor]]:
    """The released tensors that one of ours is."""
    names = released_names(ours, shape)
    if ours not in LISTS:
        yield names[0], tensor
        return
    for index, name in enumerate(names):
        yield name, replace(tensor, shape=(), load=partial(_entry, tensor, index))


def _entry(tensor: StoredTensor, index: int) -> Tensor:
    return tensor.load()[index]


def zeros(shape: tuple[int, ...], like: StoredTensor) -> StoredTensor:
    """Zeros of another tensor's element type."""
    return replace(like, shape=shape, load=partial(torch.zeros, shape, dtype=like.dtype))
