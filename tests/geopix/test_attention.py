"""Attention by plain products is the attention of torch and of transformers."""

import pytest
import torch
from torch.nn import functional

from geopix.attention import PRODUCTS, _blocks, attend
from geopix.layers import FEW, Attention
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.sizes import tiny


@pytest.mark.parametrize("masked", [False, True])
def test_products_give_what_the_fused_kernel_gives(masked: bool) -> None:
    queries, keys, values = (torch.randn(2, 3, length, 8) for length in (5, 7, 7))
    scores = torch.randn(2, 1, 5, 7) if masked else None
    ours = attend(queries, keys, values, scores=scores, scale=0.3)
    torchs = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=scores, scale=0.3)
    torch.testing.assert_close(ours, torchs, atol=1e-6, rtol=1e-5)


def test_block_by_block_is_as_all_at_once_and_leaves_out_what_none_may_see() -> None:
    torch.manual_seed(0)
    seen = torch.zeros(2, 1, 20, 20, dtype=torch.bool)  # an image of 6, then questions of 4, 4 and 4, and padding
    for start, end in ((0, 6), (6, 10), (10, 14), (14, 18)):
        seen[..., start:end, start:end] = torch.ones(end - start, end - start).tril().bool()
    seen[..., 6:18, :6] = True
    scores = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    states = [torch.randn(2, 3, 20, 8, requires_grad=True) for _ in range(3)]
    whole = attend(*states, scores=scores)[:, :, :18]
    expected = torch.autograd.grad(whole.square().sum(), states)
    blocks = attend(*states, scores=scores, block=4)
    torch.testing.assert_close(blocks[:, :, :18], whole)
    for found, wanted in zip(torch.autograd.grad(blocks[:, :, :18].square().sum(), states), expected, strict=True):
        torch.testing.assert_close(found, wanted)
    assert blocks.isfinite().all()
    assert [keys.tolist() for _, _, keys in _blocks(states[0], scores, 4)] == [
        [0, 1, 2, 3],
        [0, 1, 2, 3, 4, 5, 6, 7],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15],
        [0, 1, 2, 3, 4, 5, 14, 15, 16, 17],
    ]


def test_dropout_drops_weights_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    ones = torch.ones(1, 1, 400, 4)
    dropped = attend(ones, ones, ones, dropout=0.5)
    assert dropped.std() > 0.01
    torch.testing.assert_close(dropped.mean(), torch.tensor(1.0), atol=0.02, rtol=0)


@pytest.mark.parametrize(("queries", "keys"), [(FEW, 40), (40, FEW), (40, 40)])
def test_few_queries_or_keys_change_nothing_but_the_kernel(queries: int, keys: int) -> None:
    torch.manual_seed(0)
    layer = Attention(16, heads=2)
    looking, looked_at = torch.randn(3, queries, 16), torch.randn(3, keys, 16)
    heads = [layer._split(each) for each in (layer.q_proj(looking), layer.k_proj(looked_at), layer.v_proj(looked_at))]
    fused = layer.out_proj(functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(looking, looked_at, looked_at), fused, atol=1e-6, rtol=1e-5)


def test_a_whole_model_gives_the_same_logits_with_either() -> None:
    torch.manual_seed(0)
    model = GeoPixForConditionalGeneration(tiny()).eval()
    ids = torch.tensor([[1] + [model.config.image_token_id] * 16 + [20, 21, 22]])
    pixels, seen = torch.randn(1, 3, 32, 32), torch.ones(1, 1, 20, 20, dtype=torch.bool).tril()
    with torch.no_grad():
        fused = model(ids, pixels, attention_mask=seen).logits
        model.set_attn_implementation(PRODUCTS)
        torch.testing.assert_close(model(ids, pixels, attention_mask=seen).logits, fused, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model(ids, pixels).logits, fused, atol=1e-5, rtol=1e-4)
