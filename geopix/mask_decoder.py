"""From image features and one embedding per target to mask logits, level by level.

The structure is that of the released GeoPix (PixelLM's decoder, arXiv:2312.02228, itself SAM's, arXiv:2304.02643)
so that its weights fit. Letters in shapes: M targets, C channels, N tokens, h and w a level's feature grid.
"""

import torch
from torch import Tensor, nn

from geopix.configuration import GeoPixConfig
from geopix.layers import (
    Attention,
    ChannelNorm,
    MultiLayerPerceptron,
    RandomFourierPositions,
    every_row,
    resize,
)


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves and the image, then the image attends to the tokens."""

    def __init__(self, channels: int, heads: int, mlp_size: int) -> None:
        super().__init__()
        self.self_attn = Attention(channels, heads)
        self.norm1 = nn.LayerNorm(channels)
        self.cross_attn_token_to_image = Attention(channels, heads, inner=channels // 2)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = MultiLayerPerceptron(channels, mlp_size, channels, layers=2)
        self.norm3 = nn.LayerNorm(channels)
        self.cross_attn_image_to_token = Attention(channels, heads, inner=channels // 2)
        self.norm4 = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """float[M, N, C] tokens, float[M, h*w, C] image and their position codes -> both, updated."""
        tokens = self.norm1(self.attend_to_tokens(tokens, token_pe))
        q, k = tokens + token_pe, image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(q, k, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        q = tokens + token_pe
        image = self.norm4(image + self.cross_attn_image_to_token(k, q, tokens))
        return tokens, image

    def attend_to_tokens(self, tokens: Tensor, token_pe: Tensor) -> Tensor:
        """float[M, N, C] -> float[M, N, C]."""
        q = tokens + token_pe
        return tokens + self.self_attn(q, q, tokens)  # type: ignore[no-any-return]


class FirstTwoWayBlock(TwoWayBlock):
    """The first block: its tokens are their own position codes, and its self-attention replaces them."""

    def attend_to_tokens(self, tokens: Tensor, token_pe: Tensor) -> Tensor:
        """float[M, N, C] -> float[M, N, C]; `token_pe` is not used."""
        return self.self_attn(tokens, tokens, tokens)  # type: ignore[no-any-return]


class TwoWayTransformer(nn.Module):
    """Blocks that let tokens and image features inform each other."""

    def __init__(self, layers: int, channels: int, heads: int, mlp_size: int) -> None:
        super().__init__()
        blocks = [FirstTwoWayBlock] + [TwoWayBlock] * (layers - 1)
        self.layers = nn.ModuleList(block(channels, heads, mlp_size) for block in blocks)
        self.final_attn_token_to_image = Attention(channels, heads, inner=channels // 2)
        self.norm_final_attn = nn.LayerNorm(channels)

    def forward(self, image: Tensor, image_pe: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Runs all blocks.

        Args:
            image: float[M, C, h, w].
            image_pe: float[1, C, h, w].
            prompts: float[M, N, C].

        Returns:
            The tokens float[M, N, C] and the image features float[M, C, h, w].
        """
        keys, keys_pe = (x.flatten(2).transpose(1, 2) for x in (image, image_pe))
        tokens = prompts
        for layer in self.layers:
            tokens, keys = layer(tokens, keys, prompts, keys_pe)
        attended = self.final_attn_token_to_image(tokens + prompts, keys + keys_pe, keys)
        return self.norm_final_attn(tokens + attended), keys.transpose(1, 2).reshape(image.shape)


class PromptEncoder(nn.Module):
    """SAM's prompt encoder for the one kind of prompt GeoPix has: an embedding made from text.

    The embedding itself is the sparse prompt; the dense prompt is a learned "no mask" vector at each place.
    """

    def __init__(self, channels: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.pe_layer = RandomFourierPositions(channels)
        self.no_mask_embed = nn.Embedding(1, channels)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Returns the dense prompt and the position code, each float[1, C, grid, grid]."""
        positions = self.pe_layer(self.grid, self.grid)
        dense = every_row(self.no_mask_embed, positions.device)[:, :, None, None]
        return dense.expand(-1, -1, self.grid, self.grid), positions


class PlainInput(nn.Module):
    """What the first level's transformer sees: features and dense prompt at their own size."""

    def forward(self, features: Tensor, dense: Tensor, positions: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Returns float[M, C, h, w] and its position code; `previous` is not used."""
        return features + dense, positions


class RefiningInput(nn.Module):
    """What a later level sees: features at twice the size, emphasised where the previous mask is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.upsample_2x = nn.Sequential(
            nn.ConvTranspose2d(channels, channels, kernel_size=2, stride=2), ChannelNorm(channels), nn.GELU()
        )
        self.pe = RandomFourierPositions(channels)

    def forward(self, features: Tensor, dense: Tensor, positions: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Returns float[M, C, 2h, 2w] and its own position code; `positions` is not used.

        Args:
            features: float[M, C, h, w].
            dense: float[1, C, h, w].
            positions: float[1, C, h, w].
            previous: float[M, 1, H, W], the previous level's mask logits.
        """
        features = self.upsample_2x(features)
        height, width = features.shape[-2:]
        features = features * (resize(previous, height, width).sigmoid() + 1)
        return features + resize(dense, height, width), self.pe(height, width)


class MaskDecoder(nn.Module):
    """Predicts one mask per target, at one level, given that level's features and embedding."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        channels, levels = config.mask_hidden_size, config.num_levels
        self.transformer = nn.ModuleList(
            TwoWayTransformer(
                config.mask_decoder_layers, channels, config.mask_decoder_heads, config.mask_decoder_mlp_size
            )
            for _ in range(levels)
        )
        self.inputs = nn.ModuleList([PlainInput(), *(RefiningInput(channels) for _ in range(levels - 1))])
        self.iou_token = nn.Embedding(1, channels)
        self.mask_tokens = nn.Embedding(config.num_mask_tokens, channels)
        self.level_embed = nn.Embedding(levels, channels)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(channels, channels // 8, kernel_size=2, stride=2),
            ChannelNorm(channels // 8),
            nn.GELU(),
        )
        # Only the first network makes masks; the others and the quality head hold the release's weights.
        self.output_hypernetworks_mlps = nn.ModuleList(
            MultiLayerPerceptron(channels, channels, channels // 8, layers=3) for _ in range(config.num_mask_tokens)
        )
        self.iou_prediction_head = MultiLayerPerceptron(
            channels, config.iou_head_hidden_size, config.num_mask_tokens, layers=3
        )

    def forward(
        self,
        features: Tensor,
        embeddings: Tensor,
        *,
        dense: Tensor,
        positions: Tensor,
        level: int,
        previous: Tensor,
    ) -> Tensor:
        """Predicts the masks of one level.

        Args:
            features: float[M, C, h, w], image features, one copy a target.
            embeddings: float[M, C], the targets' segmentation embeddings at this level.
            dense: float[1, C, h, w], the dense prompt.
            positions: float[1, C, h, w], its position code.
            level: 0 is the coarsest.
            previous: float[M, 1, H, W], mask logits of the level before; unused at level 0.

        Returns:
            float[M, 1, 2h, 2w] mask logits at level 0, float[M, 1, 4h, 4w] above.
        """
        own = torch.cat([every_row(tokens, embeddings.device) for tokens in (self.iou_token, self.mask_tokens)])
        prompts = torch.cat([own.expand(len(embeddings), -1, -1), embeddings[:, None]], dim=1)
        prompts = prompts + every_row(self.level_embed, embeddings.device)[level]
        source, source_pe = self.inputs[level](features, dense, positions, previous)
        tokens, source = self.transformer[level](source, source_pe, prompts)
        kernel = self.output_hypernetworks_mlps[0](tokens[:, 1])
        return torch.einsum("mc,mchw->mhw", kernel, self.output_upscaling(source))[:, None]
