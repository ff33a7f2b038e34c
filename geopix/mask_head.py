"""From segmentation states and feature levels to masks: the four passes of GeoPix.

At each level the decoder predicts a mask, the class memory conditions the features on that mask, and the decoder
predicts again; the second masks of all levels are blended by learnt weights.

Letters in shapes: B images, M targets, L levels, T tokens a level, D language width, C mask channels, g grid side.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from geopix.class_memory import ClassSelector, build_memory
from geopix.configuration import GeoPixConfig
from geopix.layers import resize
from geopix.mask_decoder import MaskDecoder, PromptEncoder
from geopix.vision import FeatureNeck


class LearnedAverage(nn.Module):
    """A weighted sum over one axis; the weights are free and start as the plain mean."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts as the plain mean."""
        nn.init.constant_(self.weight, 1 / len(self.weight))

    def forward(self, stacked: Tensor, axis: int) -> Tensor:
        """Sums over `axis`, which has `count` entries and vanishes."""
        return stacked.movedim(axis, -1) @ self.weight


class MaskPrediction(NamedTuple):
    """What the mask head makes of its targets.

    Attributes:
        mask_logits: float[M, 4g, 4g]; above 0 is foreground.
        class_logits: float[M, K], the memory class read from each target's embedding.
    """

    mask_logits: Tensor
    class_logits: Tensor


class MaskHead(nn.Module):
    """All parts between the language model's states and the masks."""

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__()
        language_width = config.text_config.hidden_size
        self.levels, self.grid = config.num_levels, config.mask_feature_size
        self.text_hidden_fcs = nn.Sequential(
            nn.Linear(language_width, language_width),
            nn.ReLU(),
            nn.Linear(language_width, config.mask_hidden_size),
        )
        self.token_fusion = LearnedAverage(len(config.seg_token_ids[0]))
        self.scale_fusion = LearnedAverage(config.num_levels)
        self.necks = nn.ModuleList(FeatureNeck(config) for _ in range(config.num_levels))
        self.prompt_encoder = PromptEncoder(config.mask_hidden_size, config.mask_feature_size)
        self.mask_decoder = MaskDecoder(config)
        self.memory = build_memory(config)

    def forward(
        self, levels: tuple[Tensor, ...], states: Tensor, image_index: Tensor, select_class: ClassSelector
    ) -> MaskPrediction:
        """Predicts one mask per target, all in one call of the decoder per pass.

        Args:
            levels: for each level float[B, width, side, side] vision features.
            states: float[M, L * T, D], the states that predict the runs' tokens; M may be 0.
            image_index: int64[M], the image of each target.
            select_class: decides which memory each target reads.
        """
        embeddings = self.embed(states)
        class_logits: Tensor = self.memory.classify(embeddings)
        side = 4 * self.grid
        if len(states) == 0:  # batch normalisation cannot train on nothing
            return MaskPrediction(states.new_zeros(0, side, side), class_logits)
        class_weights = select_class(class_logits)
        dense, positions = self.prompt_encoder()
        mask = embeddings.new_zeros(len(states), 1, side, side)
        masks = []
        for level, (neck, vision) in enumerate(zip(self.necks, levels, strict=True)):
            features = neck(vision)[image_index]
            decode = partial(
                self.mask_decoder,
                embeddings=embeddings[:, level],
                dense=dense,
                positions=positions,
                level=level,
                previous=mask,
            )
            draft = decode(features)
            features = self.memory(features, draft, class_weights, level)
            mask = decode(features)
            masks.append(resize(mask, side, side)[:, 0])
        blended = self.scale_fusion(torch.stack(masks), axis=0)
        return MaskPrediction(blended, class_logits)

    def embed(self, states: Tensor) -> Tensor:
        """float[M, L * T, D] -> segmentation embeddings float[M, L, C]."""
        tokens = self.text_hidden_fcs(states).unflatten(1, (self.levels, -1))
        return self.token_fusion(tokens, axis=2)  # type: ignore[no-any-return]
