"""The tensors that the released code stores and that never reach an answer.

SAM's prompt encoder keeps embeddings of points, boxes and masks, which GeoPix never prompts with. The class memory
computes a map from its bank and one from the mask, and its attention then returns its input, scaled: only the scale
and the last normalisation are seen. These modules exist to name the tensors and their shapes; none is ever run.
"""

import torch
from torch import nn

from geopix.class_memory import ConvNextBlock, MemoryFuser, ResidualBlock
from geopix.configuration import GeoPixConfig
from geopix.layers import ChannelNorm

#: Channels of the release's mask encoder, and places that its position codes cover.
_MASK_CHANNELS, _PLACES = 16, 5000


def unused_shapes(config: GeoPixConfig) -> dict[str, tuple[int, ...]]:
    """The released names and shapes of all tensors without effect."""
    with torch.device("meta"):
        parts = {
            "pec/prompt_encoder.": _UnusedPrompts(config.mask_hidden_size),
            "clm/learnable_memory.": _Bank(config),
            "clm/memory_encoder.": _Encoder(config),
            "clm/memory_fuser.": MemoryFuser(config.memory_length),
            "clm/memory_attention.layers.0.": _Attention(config),
        }
    return {
        beginning + name: tuple(value.shape)
        for beginning, module in parts.items()
        for name, value in module.state_dict().items()
    }


class _UnusedPrompts(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = _MASK_CHANNELS // 4
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, channels) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, channels)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, quarter, 2, stride=2),
            ChannelNorm(quarter),
            nn.GELU(),
            nn.Conv2d(quarter, _MASK_CHANNELS, 2, stride=2),
            ChannelNorm(_MASK_CHANNELS),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS, channels, 1),
        )


class _Bank(nn.Module):
    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        slots = (config.memory_length, config.memory_dim, config.memory_size, config.memory_size)
        self.memory = nn.Parameter(torch.empty(config.memory_num_classes, config.num_levels, *slots))


class _Encoder(nn.Module):
    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        widths = ((1, 16, 2), (16, 32, 2), (32, 64, 1))
        self.mask_downsampler = nn.ModuleDict(
            {f"layer{number}": ResidualBlock(*width) for number, width in enumerate(widths, 1)}
        )
        self.pix_feat_proj = nn.Conv2d(config.mask_hidden_size, config.memory_dim, 1)
        self.fuser = ConvNextBlock(config.memory_dim)


class _Positions(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("pe", torch.empty(1, _PLACES, channels))


class _Attention(nn.Module):
    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        channels, context, width = config.mask_hidden_size, config.memory_dim, config.memory_mlp_size
        self.self_attn = nn.MultiheadAttention(channels, 1)
        self.self_attn_pos = _Positions(channels)
        self.cross_attn_image = nn.MultiheadAttention(channels, 1, kdim=context, vdim=context)
        self.cross_attn_image_pos = _Positions(context)
        self.linear1, self.linear2 = nn.Linear(channels, width), nn.Linear(width, channels)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
