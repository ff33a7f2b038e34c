"""Rows that go on from what they share."""

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from geopix.branching import OwnRows, PackedRows, joined_prefills, packs_well
from geopix.choosing import Likeliest
from geopix.generation import AnswerDecoder

SIZES = {"vocab_size": 32, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "pad_token_id": 0}


def decoder(attention: str = "sdpa") -> AnswerDecoder:
    torch.manual_seed(0)
    config = LlamaConfig(num_hidden_layers=2, **SIZES)
    return AnswerDecoder(
        LlamaForCausalLM._from_config(config, attn_implementation=attention).eval(), (), 0, Likeliest()
    )


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


MASK = torch.tensor([[0, 0, 1], [1, 1, 1], [0, 1, 1], [1, 1, 1]])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("index", [[0, 0, 0, 0], [1, 0, 1, 1], [0, 1, 2, 3], [3, 3, 1, 1]])
@torch.inference_mode()
def test_packed_rows_read_what_each_row_reads_alone(attention: str, index: list[int]) -> None:
    reader, rows = decoder(attention), torch.tensor(index)
    heads, tails, more = drawn(4, 5, 16), drawn(4, 3, 16), drawn(2, 4, 16)
    trunk = reader.prefill(heads, torch.ones(4, 5, dtype=torch.long))
    before = [layer.keys.clone() for layer in trunk.cache.layers]
    packed = PackedRows(reader._read, trunk, tails, MASK, rows)
    found = torch.stack([packed.state, packed.read(more[0]), packed.read(more[1])], dim=1)
    for row, (image, real) in enumerate(zip(index, MASK.bool(), strict=True)):
        whole = torch.cat([heads[image], tails[row][real], more[:, row]])[None]
        states = reader.decoder(inputs_embeds=whole).last_hidden_state[0, -3:]
        torch.testing.assert_close(found[row], states, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(layer.keys, keys) for layer, keys in zip(trunk.cache.layers, before, strict=True))


@torch.inference_mode()
def test_what_is_shared_is_kept_once() -> None:
    reader = decoder()
    trunk = reader.prefill(drawn(1, 50, 16), torch.ones(1, 50, dtype=torch.long))
    branch = reader.branch(trunk, drawn(4, 3, 16), MASK, torch.zeros(4, dtype=torch.long))
    assert isinstance(branch, PackedRows)
    assert branch._cache.layers[0].keys.shape[:3] == (1, 2, 50 + 4 * 3)


@torch.inference_mode()
def test_rows_that_would_leave_most_of_the_grid_empty_have_their_own_cache() -> None:
    reader, index = decoder(), torch.tensor([0, 0, 0, 0, 0, 1, 2, 3])
    assert not packs_well(index)
    trunk = reader.prefill(drawn(4, 5, 16), torch.ones(4, 5, dtype=torch.long))
    assert isinstance(reader.branch(trunk, drawn(8, 3, 16), MASK.repeat(2, 1), index), OwnRows)


def test_a_window_of_the_past_is_not_packed() -> None:
    config = LlamaConfig(num_hidden_layers=1, layer_types=["sliding_attention"], sliding_window=4, **SIZES)
    reader = AnswerDecoder(LlamaForCausalLM(config), (), 0, Likeliest())
    assert not reader._packs(reader.new_cache())
    assert decoder()._packs(decoder().new_cache())


@torch.inference_mode()
def test_joined_prefills_are_those_of_one_batch() -> None:
    reader, heads = decoder(), drawn(3, 5, 16)
    ones = torch.ones(3, 5, dtype=torch.long)
    apart = [reader.prefill(heads[row : row + 1], ones[:1]) for row in range(3)]
    found, expected = joined_prefills(apart), reader.prefill(heads, ones)
    torch.testing.assert_close(found.state, expected.state)
    torch.testing.assert_close(found.cache.layers[1].keys, expected.cache.layers[1].keys)
    assert torch.equal(found.mask, expected.mask)
    assert apart[0].cache.layers[0].keys.shape[0] == 1
