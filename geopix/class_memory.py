"""The class-wise learnable memory: what the model has learnt about each class of object, read for each target.

A bank keeps, for each class and level, `length` slots of `dim` x `size` x `size` numbers. For one target

1. a *class selector* says which entries of the bank to read, as weights over the classes;
2. the *fuser* squeezes the slots of that mixture into one map;
3. the *encoder* turns the target's present mask and its pixels into a second map;
4. the *attention* lets each place of the image features read both maps, and adds what it read.

The selector is one of three parts: `PredictedClass` (a soft mixture by the model's own guess, the default),
`GivenClass` (the caller knows) and `UnknownClass` (the bank's last entry, which categories without a class teach).

The released code differs: its attention returns its input (so the memory has no influence), it never uses the
encoder's map, and it always reads class 74. `ReleasedNoOpMemory` reproduces that, bit for bit, and spends neither time
nor weights on what cannot be seen.

Letters in shapes: M targets, K classes with the unknown one, C mask channels, h and w the feature grid.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from geopix.configuration import GeoPixConfig
from geopix.layers import Attention, ChannelNorm, resize, sinusoidal_grid
from harness.errors import ConfigurationError, nearest


class ClassSelector(Protocol):
    """Says how much of each bank entry every target reads."""

    def __call__(self, class_logits: Tensor) -> Tensor:
        """float[M, K] logits -> float[M, K] weights, each row summing to one."""


class PredictedClass:
    """A soft mixture: the softmax of the class the model itself reads from the segmentation embedding."""

    def __call__(self, class_logits: Tensor) -> Tensor:
        """float[M, K] -> float[M, K]."""
        return class_logits.softmax(dim=-1)


class GivenClass:
    """The class that the caller knows, for each target or for all of them.

    Args:
        classes: int64[M] class of each target, or int64[] for all.
    """

    def __init__(self, classes: Tensor) -> None:
        self.classes = classes

    def __call__(self, class_logits: Tensor) -> Tensor:
        """float[M, K] -> float[M, K], one-hot."""
        classes = self.classes.to(class_logits.device).expand(len(class_logits))
        return functional.one_hot(classes, class_logits.shape[-1]).to(class_logits.dtype)


class UnknownClass:
    """The bank's last entry: what is known about objects of no known class."""

    def __call__(self, class_logits: Tensor) -> Tensor:
        """float[M, K] -> float[M, K], one-hot."""
        weights = torch.zeros_like(class_logits)
        weights[:, -1] = 1
        return weights


class MemoryBank(nn.Module):
    """The learnt numbers: float[K, levels, length, dim, size, size]."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        classes, size = config.memory_num_classes + 1, config.memory_size
        shape = (classes, config.num_levels, config.memory_length, config.memory_dim, size, size)
        self.memory = nn.Parameter(torch.randn(shape))

    def reset_parameters(self) -> None:
        """Draws a standard normal bank, as released."""
        nn.init.normal_(self.memory)

    def forward(self, class_weights: Tensor, level: int) -> Tensor:
        """float[M, K] -> the mixture float[M, length, dim, size, size] of one level."""
        return torch.einsum("mk,kldhw->mldhw", class_weights, self.memory[:, level])


class MemoryFuser(nn.Module):
    """Squeezes the slots into one map by three pointwise convolutions over the slot axis."""

    def __init__(self, length: int) -> None:
        super().__init__()
        half, quarter = max(length // 2, 1), max(length // 4, 1)
        self.model = nn.Sequential(
            nn.Conv3d(length, half, kernel_size=1),
            nn.BatchNorm3d(half),
            nn.ReLU(),
            nn.Conv3d(half, quarter, kernel_size=1),
            nn.BatchNorm3d(quarter),
            nn.ReLU(),
            nn.Conv3d(quarter, 1, kernel_size=1),
            nn.BatchNorm3d(1),
        )

    def forward(self, slots: Tensor) -> Tensor:
        """float[M, length, dim, size, size] -> float[M, dim, size, size]."""
        return self.model(slots).squeeze(1)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation and a projected shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, features: Tensor) -> Tensor:
        """float[M, inputs, H, W] -> float[M, outputs, H / stride, W / stride]."""
        hidden = functional.relu(self.bn1(self.conv1(features)))
        hidden = self.bn2(self.conv2(hidden))
        return functional.relu(hidden + self.downsample(features))


class ConvNextBlock(nn.Module):
    """Depthwise 7 x 7, then a pointwise MLP, added through a small learnt gate (arXiv:2201.03545)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = ChannelNorm(channels)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gate = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts the gate almost closed."""
        nn.init.constant_(self.gate, 1e-6)

    def forward(self, features: Tensor) -> Tensor:
        """float[M, dim, h, w] -> float[M, dim, h, w]."""
        hidden = self.norm(self.dwconv(features)).movedim(1, -1)
        hidden = self.gate * self.pwconv2(functional.gelu(self.pwconv1(hidden)))
        mixed: Tensor = features + hidden.movedim(-1, 1)
        return mixed


class MemoryEncoder(nn.Module):
    """Turns a target's mask and the pixels under it into memory features."""

    def __init__(self, channels: int, memory_dim: int) -> None:
        super().__init__()
        quarter, half = max(memory_dim // 4, 1), max(memory_dim // 2, 1)
        self.mask_downsampler = nn.Sequential(
            ResidualBlock(1, quarter, stride=2),
            ResidualBlock(quarter, half, stride=2),
            ResidualBlock(half, memory_dim, stride=1),
        )
        self.pix_feat_proj = nn.Conv2d(channels, memory_dim, kernel_size=1)
        self.fuser = ConvNextBlock(memory_dim)

    def forward(self, features: Tensor, mask_logits: Tensor) -> Tensor:
        """float[M, C, h, w] features and float[M, 1, 4h, 4w] mask logits -> float[M, dim, h, w]."""
        masks = self.mask_downsampler(mask_logits.sigmoid())
        return self.fuser(self.pix_feat_proj(features) + masks)  # type: ignore[no-any-return]


class MemoryAttentionLayer(nn.Module):
    """Image features attend to each other, then to the memory, then pass an MLP; all three are added."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        channels, width = config.mask_hidden_size, config.memory_mlp_size
        self.self_attn = Attention(channels, heads=1)
        self.cross_attn_image = Attention(channels, config.memory_heads, context=config.memory_dim)
        self.linear1 = nn.Linear(channels, width)
        self.linear2 = nn.Linear(width, channels)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.scale = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the release's first value of the learnt scale."""
        nn.init.constant_(self.scale, 1.421)

    def forward(self, image: Tensor, image_pe: Tensor, memory: Tensor, memory_pe: Tensor) -> Tensor:
        """float[M, h*w, C] image and float[M, N, dim] memory with position codes -> float[M, h*w, C]."""
        normed = self.norm1(image)
        image = image + self.self_attn(normed + image_pe, normed + image_pe, normed)
        normed = self.norm2(image)
        image = image + self.scale * self.cross_attn_image(normed + image_pe, memory + memory_pe, memory)
        return image + self.linear2(functional.relu(self.linear1(self.norm3(image))))  # type: ignore[no-any-return]


class IntendedAttention(nn.Module):
    """The attention the paper describes: what image features read from the memory is really added."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MemoryAttentionLayer(config) for _ in range(config.memory_layers))
        self.norm = nn.LayerNorm(config.mask_hidden_size)

    def forward(self, features: Tensor, maps: list[Tensor]) -> Tensor:
        """float[M, C, h, w] features and memory maps float[M, dim, ?, ?] -> float[M, C, h, w]."""
        height, width = features.shape[-2:]
        image = features.flatten(2).transpose(1, 2)
        image_pe = sinusoidal_grid(height, width, image.shape[-1], image)
        memory = torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)
        memory_pe = torch.cat([sinusoidal_grid(m.shape[2], m.shape[3], m.shape[1], m) for m in maps], dim=1)
        for layer in self.layers:
            image = layer(image, image_pe, memory, memory_pe)
        return self.norm(image).transpose(1, 2).reshape(features.shape)  # type: ignore[no-any-return]


class ReleasedScale(nn.Module):
    """All that is left of a released attention layer: `x + scale * x`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the release's first value."""
        nn.init.constant_(self.scale, 1.421)

    def forward(self, image: Tensor) -> Tensor:
        """float[M, h*w, C] -> float[M, h*w, C]."""
        return image + self.scale * image


class ReleasedNoOpAttention(nn.Module):
    """What the released attention computes: it scales and normalises the features and reads no memory."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        channels = config.mask_hidden_size
        self.layers = nn.ModuleList(ReleasedScale(channels) for _ in range(config.memory_layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """float[M, C, h, w] -> float[M, C, h, w]."""
        image = features.flatten(2).transpose(1, 2)
        for layer in self.layers:
            image = layer(image)
        return self.norm(image).transpose(1, 2).reshape(features.shape)  # type: ignore[no-any-return]


class ClassMemory(nn.Module):
    """Bank, fuser, encoder, class reader and an attention of choice."""

    def __init__(self, config: GeoPixConfig, attention: nn.Module) -> None:
        super().__init__()
        channels = config.mask_hidden_size
        self.classifier = nn.Linear(config.num_levels * channels, config.memory_num_classes + 1)
        self.bank = MemoryBank(config)
        self.fuser = MemoryFuser(config.memory_length)
        self.encoder = MemoryEncoder(channels, config.memory_dim)
        self.attention = attention

    def classify(self, embeddings: Tensor) -> Tensor:
        """Segmentation embeddings float[M, levels, C] -> class logits float[M, K]."""
        return self.classifier(embeddings.flatten(1))  # type: ignore[no-any-return]

    def forward(self, features: Tensor, mask_logits: Tensor, class_weights: Tensor, level: int) -> Tensor:
        """Conditions one level's features on the memory of each target.

        Args:
            features: float[M, C, h, w].
            mask_logits: float[M, 1, H, W], the mask predicted without memory; resized to 4h x 4w.
            class_weights: float[M, K] from a `ClassSelector`.
            level: which level of the bank to read.

        Returns:
            float[M, C, h, w].
        """
        height, width = features.shape[-2:]
        learnt = self.fuser(self.bank(class_weights, level))
        present = self.encoder(features, resize(mask_logits, 4 * height, 4 * width))
        return self.attention(features, [learnt, present])  # type: ignore[no-any-return]


class NoMemory(nn.Module):
    """The ablation: features pass unchanged and no class is read, so that all are equally likely."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        self.classes = config.memory_num_classes + 1

    def classify(self, embeddings: Tensor) -> Tensor:
        """Segmentation embeddings float[M, levels, C] -> class logits float[M, K], all zero."""
        return embeddings.new_zeros(len(embeddings), self.classes)

    def forward(self, features: Tensor, mask_logits: Tensor, class_weights: Tensor, level: int) -> Tensor:
        """float[M, C, h, w] -> the same."""
        return features


class ReleasedNoOpMemory(NoMemory):
    """The release: bank, fuser and encoder never reach the features, which are only scaled and normalised."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__(config)
        self.attention = ReleasedNoOpAttention(config)

    def forward(self, features: Tensor, mask_logits: Tensor, class_weights: Tensor, level: int) -> Tensor:
        """float[M, C, h, w] -> float[M, C, h, w]; nothing else has influence."""
        return self.attention(features)  # type: ignore[no-any-return]


MEMORIES: dict[str, Callable[[GeoPixConfig], ClassMemory | NoMemory]] = {
    "intended": lambda config: ClassMemory(config, IntendedAttention(config)),
    "released_noop": ReleasedNoOpMemory,
    "none": NoMemory,
}


def build_memory(config: GeoPixConfig) -> ClassMemory | NoMemory:
    """Builds the memory that `config.memory_attention` names.

    Raises:
        ConfigurationError: if the name is not in `MEMORIES`.
    """
    name = config.memory_attention
    if name not in MEMORIES:
        known = ", ".join(MEMORIES)
        raise ConfigurationError(
            f"GeoPixConfig.memory_attention: unknown memory {name!r}.{nearest(name, MEMORIES)} Known: {known}."
        )
    return MEMORIES[name](config)
