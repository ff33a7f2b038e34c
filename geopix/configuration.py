"""The configuration that alone decides a GeoPix model's size, tokens, levels, memory and losses."""

from typing import Any

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from harness.errors import ConfigurationError

_CLIP_LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 448,
    "projection_dim": 768,
}


class GeoPixConfig(PreTrainedConfig):
    """Everything needed to build a GeoPix of any size; the defaults are the released 7B layout.

    The one default that differs from the release is the memory bank's extent (`memory_length`, `memory_size`):
    the released 75 x 2 x 64 x 64 x 32 x 32 bank holds 629 million numbers.

    Args:
        vision_config: a CLIP vision configuration, or its dictionary.
        text_config: a causal language model's configuration, or its dictionary (with `model_type`).
        image_token_id: the token that stands for one image patch.
        seg_token_ids: the ids of one mask's tokens, in the order they are spoken; kept as int[levels][tokens], the same
            number for each level of `mask_feature_layers`, however they were grouped.
        vision_feature_layer: CLIP hidden state that the language model sees (0 embeddings, -1 last layer).
        mask_feature_layers: for each level, the CLIP hidden state that its neck reads.
        projector: "llava" (the release's) or "normalised"; see `geopix.vision`.
        projector_hidden_act: activation inside the two-layer projector to the language model.
        neck_hidden_size: channels between a neck's two convolutions.
        mask_hidden_size: channels of the prompt encoder and the mask decoder; a multiple of 8.
        mask_feature_size: side of the square grid of mask features; masks have four times that side.
        mask_decoder_layers: blocks of the two-way transformer of each level.
        mask_decoder_heads: attention heads there; divides half of `mask_hidden_size`.
        mask_decoder_mlp_size: width of the blocks' MLPs.
        num_mask_tokens: mask tokens of the decoder; the first gives the mask (released: 4, one used).
        iou_head_hidden_size: width of the head that scores mask quality (kept for the released layout).
        rotary_dtype: "float16" or "bfloat16" when the language model's rotary frequencies are rounded to that type,
            None when they are not; see `geopix.rotary`.
        memory_attention: "intended", "released_noop" or "none"; see `geopix.class_memory`.
        memory_class_names: names of the bank's classes; "unknown" is added behind them.
        memory_num_classes: how many classes, when they have no names.
        memory_length: memory slots a class keeps at each level.
        memory_dim: channels of a slot.
        memory_size: side of a slot's square grid.
        memory_layers: layers of the memory attention.
        memory_heads: heads of the attention from image features to memory.
        memory_mlp_size: width of the memory attention's MLP.
        ce_loss_weight: weight of the language loss.
        bce_loss_weight: weight of the masks' binary cross-entropy.
        dice_loss_weight: weight of the masks' dice loss.
        class_loss_weight: weight of the memory class's cross-entropy.

    Raises:
        ConfigurationError: if two of these values contradict each other.
    """

    model_type = "geopix"
    sub_configs_defaults = {  # noqa: RUF012  (transformers reads it from the class)
        "vision_config": SubConfigSpec(AutoConfig, model_type="clip_vision_model", init_kwargs=_CLIP_LARGE),
        "text_config": SubConfigSpec(AutoConfig, model_type="llama"),
    }

    vision_config: Any = None
    text_config: Any = None
    image_token_id: int = 32000
    seg_token_ids: tuple[tuple[int, ...], ...] = ((32002, 32003, 32004), (32005, 32006, 32007))
    vision_feature_layer: int = -2
    mask_feature_layers: tuple[int, ...] = (-2, -11)
    projector: str = "llava"
    projector_hidden_act: str = "gelu"
    rotary_dtype: str | None = None
    neck_hidden_size: int = 512
    mask_hidden_size: int = 256
    mask_feature_size: int = 32
    mask_decoder_layers: int = 2
    mask_decoder_heads: int = 8
    mask_decoder_mlp_size: int = 2048
    num_mask_tokens: int = 4
    iou_head_hidden_size: int = 256
    memory_attention: str = "intended"
    memory_class_names: tuple[str, ...] | None = None
    memory_num_classes: int = 75
    memory_length: int = 16
    memory_dim: int = 64
    memory_size: int = 8
    memory_layers: int = 1
    memory_heads: int = 4
    memory_mlp_size: int = 512
    ce_loss_weight: float = 1.0
    bce_loss_weight: float = 2.0
    dice_loss_weight: float = 0.5
    class_loss_weight: float = 0.1
    initializer_range: float = 0.02
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        """Builds the nested configurations, turns JSON's lists into tuples, and checks the values."""
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        self.mask_feature_layers = tuple(self.mask_feature_layers)
        self.seg_token_ids = _by_level(self.run_token_ids, self.num_levels)
        if self.memory_class_names is not None:
            self.memory_class_names = tuple(self.memory_class_names)
            self.memory_num_classes = len(self.memory_class_names)
        self._check()

    @property
    def num_levels(self) -> int:
        """Feature levels, coarse to fine; each adds one refinement of the mask."""
        return len(self.mask_feature_layers)

    @property
    def run_token_ids(self) -> tuple[int, ...]:
        """The ids that one mask is spoken as, all levels in order."""
        return tuple(token for level in self.seg_token_ids for token in level)

    @property
    def num_image_tokens(self) -> int:
        """Tokens that one image takes in the prompt (CLIP's class token is dropped)."""
        return int(self.vision_config.image_size // self.vision_config.patch_size) ** 2

    @property
    def unknown_class(self) -> int:
        """Index of the memory's entry for objects of no known class."""
        return self.memory_num_classes

    def _check(self) -> None:
        tokens = self.run_token_ids
        problems = [
            (
                "seg_token_ids must hold the same number of tokens for each level of mask_feature_layers",
                len(self.seg_token_ids) == self.num_levels > 0,
            ),
            (
                "seg_token_ids must differ from each other and from image_token_id",
                len({*tokens, self.image_token_id}) == len(tokens) + 1,
            ),
            (
                "mask_hidden_size must be a multiple of 8 and of 2 * mask_decoder_heads",
                self.mask_hidden_size % 8 == 0 and self.mask_hidden_size % (2 * self.mask_decoder_heads) == 0,
            ),
            ("mask_hidden_size must be a multiple of memory_heads", self.mask_hidden_size % self.memory_heads == 0),
            ("memory_dim must be a multiple of 4", self.memory_dim % 4 == 0),
            ("rotary_dtype must be float16, bfloat16 or null", self.rotary_dtype in {None, "float16", "bfloat16"}),
        ]
        broken = [message for message, holds in problems if not holds]
        if broken:
            raise ConfigurationError("GeoPixConfig: " + "; ".join(broken) + f" (found: {self.to_diff_dict()}).")


def _by_level(tokens: tuple[int, ...], levels: int) -> tuple[tuple[int, ...], ...]:
    """Splits a run of tokens evenly, or leaves it whole where that cannot be done.

    >>> _by_level((4, 5, 6, 7, 8, 9), 2), _by_level((4, 5, 6), 2)
    (((4, 5, 6), (7, 8, 9)), ((4, 5, 6),))
    """
    even = levels > 0 and len(tokens) % levels == 0
    size = max(1, len(tokens) // levels if even else len(tokens))
    return tuple(tokens[start : start + size] for start in range(0, len(tokens), size))
