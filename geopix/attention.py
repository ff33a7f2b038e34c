"""Attention by plain matrix products, for transformers' models and for our own.

On CPUs torch's fused kernel was no faster in bfloat16 than in float32 where it was tried (torch 2.13), while plain
products use a processor's bfloat16 units. Fused kernels also work on whole blocks of queries and keys, which is lost on
few.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

PRODUCTS = "geopix_products"


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    scores: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Softmax attention: float[B, H, N, D], float[B, H, K, D] twice -> float[B, H, N, D].

    Args:
        queries: what looks.
        keys: what is looked at.
        values: what is seen there.
        scores: float[B, 1, N, K], added to the products.
        scale: what the products are multiplied by; one over the root of D when None.
        dropout: the share of the weights that chance sets to zero.

    >>> import torch
    >>> attend(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [3.0, 4.0]]]])).tolist()
    [[[[2.0, 2.0]]]]
    """
    scale = queries.shape[-1] ** -0.5 if scale is None else scale
    products = (queries * scale) @ keys.transpose(-1, -2)
    if scores is not None:
        products = products + scores.to(products.dtype)
    weights = products.softmax(dim=-1).to(values.dtype)
    return (functional.dropout(weights, dropout) if dropout else weights) @ values


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
