"""Rotary frequencies as a model has them that was cast to 16 bits as a whole.

A language model turns its queries and keys by position times frequency. The frequencies are no weights: they are
computed, and no checkpoint holds them. A model that is *loaded* in 16 bits keeps them in float32. A model that is
*cast* to 16 bits, as the released GeoPix is before it answers (`engine.py`: `model.to(dtype=torch.bfloat16)`), has them
rounded with its weights, and they stay rounded when it is cast back. A rounding of 2^-11 (float16) turns position
1,000 by up to a quarter of a radian, so such a model answers otherwise with exact frequencies.
"""

import torch
from torch import nn


def keep_rounded(language_model: nn.Module, dtype: str | None) -> None:
    """Makes a language model round its rotary frequencies before each use; they are computed in float32 again.

    It is done at each use, and not once, because loading a checkpoint computes the frequencies anew.

    Args:
        language_model: any model whose rotary module has the buffer `inv_freq`.
        dtype: the name of the type to round to; None leaves the model as it is.
    """
    if dtype is None:
        return
    for module in language_model.modules():
        if isinstance(getattr(module, "inv_freq", None), torch.Tensor):
            module.register_forward_pre_hook(_Rounding(getattr(torch, dtype)))


class _Rounding:
    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def __call__(self, rotary: nn.Module, inputs: object) -> None:
        frequencies = rotary.get_buffer("inv_freq")
        frequencies.copy_(frequencies.to(self.dtype))
