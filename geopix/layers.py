"""Small layers that the mask parts share. They follow Segment Anything (arXiv:2304.02643).

Letters in shapes: B batch, N tokens, C channels, h and w a grid's sides.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from geopix.attention import attend

FEW = 16  # queries or keys, of which fused kernels work on larger blocks


class ChannelNorm(nn.Module):
    """Normalises `float[B, C, h, w]` over its channels at each place (SAM's LayerNorm2d)."""

    def __init__(self, channels: int, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.epsilon = epsilon

    def reset_parameters(self) -> None:
        """Sets the identity scale."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """float[B, C, h, w] -> float[B, C, h, w]."""
        last = features.movedim(1, -1)
        normed = functional.layer_norm(last, self.weight.shape, self.weight, self.bias, self.epsilon)
        return normed.movedim(-1, 1)


class MultiLayerPerceptron(nn.Module):
    """Linear layers with ReLU between them: `float[..., inputs] -> float[..., outputs]`."""

    def __init__(self, inputs: int, hidden: int, outputs: int, layers: int) -> None:
        super().__init__()
        widths = [inputs] + [hidden] * (layers - 1) + [outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, features: Tensor) -> Tensor:
        """float[..., inputs] -> float[..., outputs]."""
        for layer in self.layers[:-1]:
            features = functional.relu(layer(features))
        return self.layers[-1](features)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head attention whose inner width and whose key/value width may differ from the query's.

    Args:
        channels: width of the queries and of the result.
        heads: number of heads; divides `inner`.
        inner: width inside the attention; `channels` when None.
        context: width of keys and values; `channels` when None.
    """

    def __init__(self, channels: int, heads: int, inner: int | None = None, context: int | None = None) -> None:
        super().__init__()
        inner, context = inner or channels, context or channels
        self.heads = heads
        self.q_proj = nn.Linear(channels, inner)
        self.k_proj = nn.Linear(context, inner)
        self.v_proj = nn.Linear(context, inner)
        self.out_proj = nn.Linear(inner, channels)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """float[B, N, channels], float[B, K, context] twice -> float[B, N, channels]."""
        q, k, v = self.q_proj(queries), self.k_proj(keys), self.v_proj(values)
        few = min(q.shape[1], k.shape[1]) <= FEW
        how = attend if few else functional.scaled_dot_product_attention
        attended = how(self._split(q), self._split(k), self._split(v))
        return self.out_proj(attended.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, projected: Tensor) -> Tensor:
        return projected.reshape(*projected.shape[:-1], self.heads, -1).transpose(1, 2)


class RandomFourierPositions(nn.Module):
    """Position encoding of a grid by fixed random frequencies (Tancik et al., arXiv:2006.10739)."""

    gaussian: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("gaussian", torch.randn(2, channels // 2))

    def reset_parameters(self) -> None:
        """Draws new frequencies."""
        nn.init.normal_(self.gaussian)

    def forward(self, height: int, width: int) -> Tensor:
        """Returns float[1, C, h, w], a code for each cell's centre in the unit square."""
        y = (torch.arange(height, device=self.gaussian.device, dtype=torch.float32) + 0.5) / height
        x = (torch.arange(width, device=self.gaussian.device, dtype=torch.float32) + 0.5) / width
        places = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
        phases = 2 * math.pi * ((2 * places - 1).to(self.gaussian.dtype) @ self.gaussian)
        return torch.cat([phases.sin(), phases.cos()], dim=-1).permute(2, 0, 1)[None]


def every_row(embedding: nn.Embedding, device: torch.device) -> Tensor:
    """All rows float[N, C] of an embedding, on a device.

    It is called, and its weights are not taken, since accelerate may keep them elsewhere until it is.
    """
    return embedding(torch.arange(embedding.num_embeddings, device=device))  # type: ignore[no-any-return]


def sinusoidal_grid(height: int, width: int, channels: int, like: Tensor) -> Tensor:
    """Position code of a grid's cells in one frame shared by grids of different sizes.

    Half of the channels code the row, half the column: sines and cosines of the cell's centre in the unit
    square, at wavelengths from 2 down to 1/8 of the side. `channels` is a multiple of 4.

    Returns:
        float[1, h * w, channels], row by row, in the dtype and on the device of `like`.
    """
    count = channels // 4
    frequencies = math.pi * torch.logspace(0, 4, count, base=2.0, device=like.device)
    y = (torch.arange(height, device=like.device) + 0.5)[:, None] / height * frequencies
    x = (torch.arange(width, device=like.device) + 0.5)[:, None] / width * frequencies
    rows = torch.cat([y.sin(), y.cos()], dim=-1)[:, None].expand(height, width, 2 * count)
    columns = torch.cat([x.sin(), x.cos()], dim=-1)[None].expand(height, width, 2 * count)
    return torch.cat([rows, columns], dim=-1).reshape(1, height * width, 4 * count).to(like.dtype)


def resize(features: Tensor, height: int, width: int) -> Tensor:
    """Resizes float[B, C, h, w] bilinearly, corners not aligned; computed in float32, dtype kept."""
    resized = functional.interpolate(features.float(), (height, width), mode="bilinear", align_corners=False)
    return resized.to(features.dtype)
