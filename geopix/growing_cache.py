"""A key-value cache that grows in place, and that several continuations can start from.

Letters in shapes: B rows of the cache, T new tokens.
"""

from collections.abc import Sequence
from copy import copy, deepcopy

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedConfig
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

#: The fewest places that a growing layer takes at a time.
ROOM = 64


class GrowingLayer(DynamicLayer):
    """A layer of a cache that takes room for some tokens at a time, where transformers' copies all for each one."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room: tuple[Tensor, Tensor] | None = None

    @classmethod
    def behind(cls, layer: CacheLayerMixin, index: Tensor | None) -> "GrowingLayer":
        """A layer that goes on where another ended, which stays as it is; with some of its rows, or all."""
        grown = cls()
        grown.lazy_initialization(layer.keys, layer.values)
        grown.keys, grown.values = ((x if index is None else x[index]) for x in (layer.keys, layer.values))
        return grown

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Puts new keys and values, float[B, heads, T, width], behind the old ones; returns all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        old, new = (self.keys, self.values), (key_states, value_states)
        length, needed = self.keys.shape[-2], self.keys.shape[-2] + key_states.shape[-2]
        if self.room is None or self.room[0].shape[-2] < needed:
            more = needed + max(ROOM, needed // 4)  # so that each token is copied a few times at most
            self.room = tuple(_widened(states, more) for states in old)
        for room, states in zip(self.room, new, strict=True):
            room[..., length:needed, :] = states
        self.keys, self.values = (room[..., :needed, :] for room in self.room)
        return self.keys, self.values


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
    rows = len(cache.layers[0].keys)
    every = len(index) == rows and index.tolist() == list(range(rows))
    branch = copy(cache)
    branch.layers = [_branch_of(layer, None if every else index) for layer in cache.layers]
    return branch


def _branch_of(layer: CacheLayerMixin, index: Tensor | None) -> CacheLayerMixin:
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


def _joined_layers(layers: Sequence[CacheLayerMixin]) -> CacheLayerMixin:
    joined = _branch_of(layers[0], None)
    joined.keys = torch.cat([layer.keys for layer in layers])
    joined.values = torch.cat([layer.values for layer in layers])
    return joined
