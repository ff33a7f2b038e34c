"""From pixels to the language model's image tokens and the mask decoder's feature levels.

Letters in shapes: B images, S image side, P patches, D CLIP's width, C mask channels, g the mask grid's side.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import CLIPVisionModel
from transformers.activations import ACT2FN

from geopix.configuration import GeoPixConfig
from geopix.layers import resize
from harness.errors import ConfigurationError, nearest


class VisionFeatures(NamedTuple):
    """What one run of the tower gives.

    Attributes:
        language: float[B, P, D], patches in reading order, for the projector.
        levels: for each mask level float[B, D, side, side], for its neck.
    """

    language: Tensor
    levels: tuple[Tensor, ...]


class VisionTower(nn.Module):
    """CLIP, run once for all of its readers, and no deeper than the deepest of them reads.

    The released model names its necks "rough" and "detail" the wrong way round; here a level simply reads the
    layer that `mask_feature_layers` names for it, and the release's order is the default.
    """

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        self.clip = CLIPVisionModel._from_config(config.vision_config)
        states = config.vision_config.num_hidden_layers + 1
        self.language_layer = config.vision_feature_layer % states
        self.level_layers = tuple(layer % states for layer in config.mask_feature_layers)

    def forward(self, pixel_values: Tensor) -> VisionFeatures:
        """float[B, 3, S, S] -> features of all readers."""
        state = self.clip.pre_layrnorm(self.clip.embeddings(pixel_values))
        read = {self.language_layer, *self.level_layers}
        states = {0: state}
        for number, layer in enumerate(self.clip.encoder.layers[: max(read)], 1):
            state = layer(state, None)
            if number in read:
                states[number] = state
        return self.features(states)

    def features(self, states: Mapping[int, Tensor]) -> VisionFeatures:
        """Picks what each reader reads of CLIP's hidden states float[B, 1 + P, D], 0 the embeddings."""
        return VisionFeatures(
            language=states[self.language_layer][:, 1:],
            levels=tuple(_as_grid(states[layer][:, 1:]) for layer in self.level_layers),
        )


def _as_grid(patches: Tensor) -> Tensor:
    side = int(patches.shape[1] ** 0.5)
    return patches.transpose(1, 2).reshape(len(patches), -1, side, side)


class Projector(nn.Module):
    """LLaVA-1.5's two linear layers from CLIP's width to the language model's (arXiv:2310.03744)."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(config.vision_config.hidden_size, config.text_config.hidden_size)
        self.act = ACT2FN[config.projector_hidden_act]
        self.linear_2 = nn.Linear(config.text_config.hidden_size, config.text_config.hidden_size)

    def forward(self, features: Tensor) -> Tensor:
        """float[B, P, D] -> float[B, P, language width]."""
        return self.linear_2(self.act(self.linear_1(features)))  # type: ignore[no-any-return]


class PlaceCode(nn.Module):
    """A learnt vector for each place, added; nothing at first."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.code = nn.Parameter(torch.empty(places, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts without influence."""
        nn.init.zeros_(self.code)

    def forward(self, patches: Tensor) -> Tensor:
        """float[B, P, D] -> float[B, P, D]."""
        return patches + self.code


class NormalisedProjector(Projector):
    """LLaVA's projector between two normalisations, for a language model that is as fresh as its vision tower.

    A tower's raw states are long and alike, and nothing holds the length of what a fresh projector makes of them;
    here every entry of a patch is near one, as the trainer draws a fresh word, so that only its direction is left to
    be learnt. Each place adds a learnt code of its own, which a large language model can do without: it has learnt to
    count along the patches.
    """

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__(config)
        self.norm_in = nn.LayerNorm(config.vision_config.hidden_size)
        self.norm_out = nn.LayerNorm(config.text_config.hidden_size, bias=False)
        self.place = PlaceCode(config.num_image_tokens, config.text_config.hidden_size)

    def forward(self, features: Tensor) -> Tensor:
        """float[B, P, D] -> float[B, P, language width]."""
        return self.place(self.norm_out(super().forward(self.norm_in(features))))  # type: ignore[no-any-return]


PROJECTORS: dict[str, type[Projector]] = {"llava": Projector, "normalised": NormalisedProjector}


def build_projector(config: GeoPixConfig) -> Projector:
    """Builds the projector that `config.projector` names.

    Raises:
        ConfigurationError: if the name is not in `PROJECTORS`.
    """
    if config.projector not in PROJECTORS:
        raise ConfigurationError(
            f"GeoPixConfig.projector: unknown projector {config.projector!r}.{nearest(config.projector, PROJECTORS)} "
            f"Known: {', '.join(PROJECTORS)}."
        )
    return PROJECTORS[config.projector](config)


class FeatureNeck(nn.Module):
    """Brings one CLIP layer to the mask decoder's width and grid."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        hidden, grid = config.neck_hidden_size, config.mask_feature_size
        self.grid = grid
        self.conv1 = _convolution(config.vision_config.hidden_size, hidden)
        self.conv2 = _convolution(hidden, config.mask_hidden_size)

    def forward(self, features: Tensor) -> Tensor:
        """float[B, D, side, side] -> float[B, C, g, g]."""
        return self.conv2(resize(self.conv1(features), self.grid, self.grid))  # type: ignore[no-any-return]


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())
