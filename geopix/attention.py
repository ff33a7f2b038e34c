"""Attention by plain matrix products, for transformers' models and for our own.

On CPUs torch's fused kernel was no faster in bfloat16 than in float32 where it was tried (torch 2.13), while plain
products use a processor's bfloat16 units. Fused kernels also work on whole blocks of queries and keys, which is lost on
few.

Where questions are packed behind one image, each sees the image and itself. A row of twenty is then mostly shut, so the
queries go block by block, each with the keys that any of it may see.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

PRODUCTS = "geopix_products"
BLOCK = 128
"""Queries in a block: fewer leave out more keys, and more keep the products large."""


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    scores: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    block: int = BLOCK,
) -> Tensor:
    """Softmax attention: float[B, H, N, D], float[B, H, K, D] twice -> float[B, H, N, D].

    Args:
        queries: what looks.
        keys: what is looked at.
        values: what is seen there.
        scores: float[B, 1, N, K], added to the products.
        scale: what the products are multiplied by; one over the root of D when None.
        dropout: the share of the weights that chance sets to zero.
        block: how many queries go at once, where there are scores that may shut keys for all of them.

    >>> import torch
    >>> attend(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [3.0, 4.0]]]])).tolist()
    [[[[2.0, 2.0]]]]
    """
    scale = queries.shape[-1] ** -0.5 if scale is None else scale
    if scores is None or scores.is_meta or queries.shape[-2] <= block:  # on the meta device no score can be read
        return _attend_to_all(queries * scale, keys, values, scores, dropout)
    blocks = [
        _attend_to_all(rows * scale, keys[:, :, seen], values[:, :, seen], added[..., seen], dropout)
        for rows, added, seen in _blocks(queries, scores, block)
    ]
    return torch.cat(blocks, dim=-2)


def _attend_to_all(queries: Tensor, keys: Tensor, values: Tensor, scores: Tensor | None, dropout: float) -> Tensor:
    products = queries @ keys.transpose(-1, -2)
    if scores is not None:
        products += scores.to(products.dtype)
    weights = products.softmax(dim=-1).to(values.dtype)
    return (functional.dropout(weights, dropout) if dropout else weights) @ values


def _blocks(queries: Tensor, scores: Tensor, block: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yields the queries block by block, with their scores and the numbers of the keys that any of them may see."""
    shut = torch.finfo(scores.dtype).min
    for rows, added in zip(torch.split(queries, block, dim=-2), torch.split(scores, block, dim=-2), strict=True):
        seen = (added > shut).any(dim=-2).flatten(0, -2).any(dim=0).nonzero().squeeze(-1)
        yield rows, added, seen if len(seen) else seen.new_zeros(1)  # rows of padding see nothing; they need a number


def _for_transformers(  # noqa: PLR0917 - transformers calls it so
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (states.repeat_interleave(groups, dim=1) for states in (key, value))
    attended = attend(query, key, value, scores=attention_mask, scale=scaling, dropout=dropout)
    return attended.transpose(1, 2).contiguous(), None


AttentionInterface.register(PRODUCTS, _for_transformers)
AttentionMaskInterface.register(PRODUCTS, eager_mask)
