"""A cache that grows in place holds what transformers' own holds, and its branches stay apart."""

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from geopix.growing_cache import ROOM, GrowingLayer, branch_of


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_a_growing_layer_holds_what_transformers_holds() -> None:
    growing, plain = GrowingLayer(), DynamicLayer()
    for length in (3, 1, 1, ROOM, 1):
        keys, values = drawn(2, 2, length, 4), drawn(2, 2, length, 5)
        for found, expected in zip(growing.update(keys, values), plain.update(keys, values), strict=True):
            assert torch.equal(found, expected)
        assert growing.get_seq_length() == plain.get_seq_length()


def test_branches_of_one_cache_do_not_write_into_each_other() -> None:
    cache = DynamicCache()
    cache.layers = [GrowingLayer()]
    cache.update(drawn(1, 2, 3, 4), drawn(1, 2, 3, 4), 0)
    cache.update(drawn(1, 2, 1, 4), drawn(1, 2, 1, 4), 0)  # now there is room behind
    first, second = (branch_of(cache, torch.tensor([0])) for _ in range(2))
    first.update(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4), 0)
    second.update(torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4), 0)
    assert (first.layers[0].keys[..., -1, :] == 1).all()
    assert (second.layers[0].keys[..., -1, :] == 0).all()
    assert cache.get_seq_length() == 4
