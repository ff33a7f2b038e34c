"""A key-value cache that grows in place, and that several continuations can start from.

Letters in shapes: B rows of the cache, T new tokens.
"""

from collections.abc import Sequence
from copy import copy, deepcopy
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

#: The fewest places that a growing layer takes at a time.
ROOM = 64


class GrowingLayer(DynamicLayer):
    """A layer of a cache that takes room for some tokens at a time, where transformers' copies all for each one."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room: tuple[Tensor, Tensor] | None = None

    @classmethod
    def behind(cls, layer: DynamicLayer, index: Tensor | None) -> "GrowingLayer":
        """A layer that goes on where another ended, which stays as it is; with some of its rows, or all."""
        grown, (keys, values) = cls(), _held(layer)
        grown.lazy_initialization(keys, values)
        grown.keys, grown.values = (keys, values) if index is None else (keys[index], values[index])
        return grown

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Puts new keys and values, float[B, heads, T, width], behind the old ones; returns all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
            return key_states, value_states
        old, length = _held(self), self.get_seq_length()
        needed = length + key_states.shape[-2]
        if self.room is None or self.room[0].shape[-2] < needed:
            more = needed + max(ROOM, needed // 4)  # so that each token is copied a few times at most
            self.room = _widened(old[0], more), _widened(old[1], more)
        for room, states in zip(self.room, (key_states, value_states), strict=True):
            room[..., length:needed, :] = states
        self.keys, self.values = (room[..., :needed, :] for room in self.room)
        return self.keys, self.values


def _held(layer: DynamicLayer) -> tuple[Tensor, Tensor]:
    if layer.keys is None or layer.values is None:
        raise ValueError("this layer of the cache has read nothing yet")
    return layer.keys, layer.values


def _widened(states: Tensor, length: int) -> Tensor:
    room = states.new_empty(*states.shape[:-2], length, states.shape[-1])
    room[..., : states.shape[-2], :] = states
    return room


def growing_cache(config: PreTrainedConfig) -> Cache:
    """An empty cache of a language model; layers that keep a window of their past stay transformers' own."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def branch_of(cache: Cache, index: Tensor) -> Cache:
    """A cache that goes on from rows int64[N] of another, which stays as it is."""
    layers: list[Any] = cache.layers
    every = index.tolist() == list(range(len(layers[0].keys)))
    branch = copy(cache)
    branch.layers = [_branch_of(layer, None if every else index) for layer in layers]
    return branch


def _branch_of(layer: Any, index: Tensor | None) -> Any:
    if isinstance(layer, GrowingLayer):
        return GrowingLayer.behind(layer, index)
    branch = deepcopy(layer)
    if index is not None:
        branch.keys, branch.values = layer.keys[index], layer.values[index]
    return branch


def joined_caches(caches: Sequence[Cache]) -> Cache:
    """Several caches of as many tokens as one, their rows in order; they stay as they are."""
    joined = copy(caches[0])
    joined.layers = [_joined_layers(layers) for layers in zip(*(cache.layers for cache in caches), strict=True)]
    return joined


def _joined_layers(layers: Sequence[Any]) -> Any:
    joined = _branch_of(layers[0], None)
    joined.keys = torch.cat([layer.keys for layer in layers])
    joined.values = torch.cat([layer.values for layer in layers])
    return joined
