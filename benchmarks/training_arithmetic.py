"""The arithmetic that a step of training needs, counted by hand, and the most that a machine can do.

Counted is what the result needs, and not what is computed besides: not the second forward pass of gradient
checkpointing, not CLIP's layers that nobody reads, not the logits of tokens that no loss asks for. So the share of
peak is the model flops utilisation of PaLM (arXiv:2204.02311, appendix B), whose 6 N a token is 2 N each for the
forward pass, the gradient of the weights and the gradient of the inputs; where weights rest, the middle one falls
away, and with LoRA 4 N are left. Attention counts every pair of tokens, seen or not, as it does there: 4 T^2 D a layer
forward.
"""

import time
from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from geopix.class_memory import UnknownClass
from geopix.configuration import GeoPixConfig
from geopix.training.memory import on_meta
from geopix.training.schema import Recipe

#: Dense bfloat16 operations a second, by what a card's name holds, the first that fits: NVIDIA's data sheets, of
#: which Hopper's name twice as many, with sparsity (nvidia.com/en-us/data-center/ h200, h100, a100). torchtitan's
#: `get_peak_flops` and Lightning's `_CUDA_FLOPS` hold the same figures.
CARDS = {
    "H200 NVL": 835.5e12,
    "H200": 989.5e12,
    "H100 NVL": 835.5e12,
    "H100 PCIe": 756.5e12,
    "H100": 989.5e12,
    "A100": 312e12,
}


@dataclass(frozen=True)
class Row:
    """One image with its questions: its tokens, those that an answer's loss asks for, and its masks."""

    tokens: int
    answers: int
    masks: int = 0


@dataclass(frozen=True)
class Arithmetic:
    """Counts the operations of rows, forward and backward; a multiplication and an addition are two.

    Attributes:
        config: the model's sizes.
        recipe: which of its parts learn.
    """

    config: GeoPixConfig
    recipe: Recipe

    def words(self, row: Row) -> int:
        """Operations of everything but the mask head: what a LLaVA of the same size has, too."""
        return self._tower + self._projector + self._blocks(row.tokens) + self._head(row.answers)

    def masks(self, row: Row) -> int:
        """Operations of the mask head for a row's masks, its necks included."""
        image, target = self._mask_costs
        return image + target * row.masks if row.masks else 0

    def _learns(self, part: str) -> bool:
        return getattr(self.recipe.parts, part) != "frozen"

    @property
    def _tower(self) -> int:
        vision, learns = self.config.vision_config, self._learns("vision_tower")
        states = vision.num_hidden_layers + 1
        layers = max(layer % states for layer in (self.config.vision_feature_layer, *self.config.mask_feature_layers))
        patches, width = self.config.num_image_tokens, vision.hidden_size
        block = 4 * width**2 + 2 * width * vision.intermediate_size
        pixels = linear(3 * vision.patch_size**2 * width, patches, learns=learns, passes_on=False)
        return pixels + layers * (
            linear(block, patches + 1, learns=learns, passes_on=learns) + attention(patches + 1, width, learns)
        )

    @property
    def _projector(self) -> int:
        width = self.config.text_config.hidden_size
        weights = self.config.vision_config.hidden_size * width + width**2
        learns, passes_on = self._learns("projector"), self._learns("vision_tower")
        return linear(weights, self.config.num_image_tokens, learns=learns, passes_on=passes_on)

    def _blocks(self, tokens: int) -> int:
        text = self.config.text_config
        own = sum(inputs * outputs for inputs, outputs in self._layers.values())
        low = sum(self.recipe.lora.rank * sum(self._layers[name]) for name in self._low_rank)
        full = self.recipe.parts.language_model == "full"
        width = text.num_attention_heads * self._head_width
        return text.num_hidden_layers * (
            linear(own, tokens, learns=full, passes_on=self._flows)
            + linear(low, tokens, learns=True, passes_on=self._flows)
            + attention(tokens, width, self._flows)
        )

    def _head(self, answers: int) -> int:
        weights = self.config.text_config.hidden_size * self.config.text_config.vocab_size
        return linear(weights, answers, learns=self._learns("embeddings"), passes_on=self._flows)

    @property
    def _flows(self) -> bool:
        """Whether a gradient passes through the language model; its first block's inputs are counted as the others'."""
        return any(map(self._learns, ("vision_tower", "projector", "embeddings", "language_model")))

    @property
    def _low_rank(self) -> list[str]:
        return self.recipe.lora.targets if self.recipe.parts.language_model == "lora" else []

    @property
    def _head_width(self) -> int:
        text = self.config.text_config
        return getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads

    @property
    def _layers(self) -> dict[str, tuple[int, int]]:
        """The linear layers of a Llama block, by name: inputs and outputs."""
        text = self.config.text_config
        width, inner = text.hidden_size, text.intermediate_size
        queries, keys = (heads * self._head_width for heads in (text.num_attention_heads, text.num_key_value_heads))
        return {
            "q_proj": (width, queries),
            "k_proj": (width, keys),
            "v_proj": (width, keys),
            "o_proj": (queries, width),
            "gate_proj": (width, inner),
            "up_proj": (width, inner),
            "down_proj": (inner, width),
        }

    @cached_property
    def _mask_costs(self) -> tuple[int, int]:
        """Operations for an image and for each target, as torch counts them on the meta device."""
        one, two = (self._counted(targets) for targets in (1, 2))
        return 2 * one - two, two - one

    def _counted(self, targets: int) -> int:
        config, vision = self.config, self.config.vision_config
        plain = {"precision": "float32", "gradient_checkpointing": False}
        model = on_meta(config, self.recipe.model_copy(update=plain))
        side = vision.image_size // vision.patch_size
        with torch.device("meta"):
            learns = self._learns("vision_tower")
            levels = tuple(
                torch.empty(1, vision.hidden_size, side, side, requires_grad=learns) for _ in config.mask_feature_layers
            )
            states = torch.empty(targets, len(config.run_token_ids), config.text_config.hidden_size)
            images = torch.zeros(targets, dtype=torch.long)
            with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
                found = model.mask_head.train()(levels, states.requires_grad_(self._flows), images, UnknownClass())
                (found.mask_logits.sum() + found.class_logits.sum()).backward()
        return counter.get_total_flops()


def linear(weights: int, positions: int, *, learns: bool, passes_on: bool) -> int:
    """Operations of a linear layer at so many positions; it may learn, and may pass a gradient on to its inputs.

    >>> linear(10, 3, learns=True, passes_on=True), linear(10, 3, learns=False, passes_on=True)  # 6 and 4 times 10 * 3
    (180, 120)
    """
    return 2 * weights * positions * (1 + learns + passes_on)


def attention(tokens: int, width: int, backward: bool) -> int:
    """Operations of attention's two products over all pairs of tokens; the way back has four.

    >>> attention(5, 8, False), attention(5, 8, True)
    (800, 2400)
    """
    return 4 * tokens**2 * width * (3 if backward else 1)


def peak(device: str, dtype: torch.dtype) -> tuple[float, str]:
    """Returns the most operations a second, and where that is known from."""
    card = known_card(torch.cuda.get_device_name()) if device == "cuda" and dtype == torch.bfloat16 else None
    if card is not None:
        return CARDS[card], f"the data sheet of {card}"
    return measured_peak(device, dtype), f"the fastest product of matrices in {str(dtype).removeprefix('torch.')}"


def known_card(name: str) -> str | None:
    """Returns the entry of `CARDS` for a card's name as CUDA says it.

    >>> known_card("NVIDIA H200"), known_card("NVIDIA H100 80GB HBM3"), known_card("NVIDIA H100 PCIe")
    ('H200', 'H100', 'H100 PCIe')
    >>> known_card("NVIDIA GeForce RTX 3090") is None
    True
    """
    return next((card for card in CARDS if all(word.lower() in name.lower() for word in card.split())), None)


def measured_peak(device: str, dtype: torch.dtype, runs: int = 5) -> float:
    """Operations a second of the fastest of some products of square matrices; a CPU second on a CPU."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    side = 8192 if device == "cuda" else 1024
    one, other = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    took = []
    for _ in range(runs + 1):  # the first one warms up
        began = clock()
        _ = one @ other
        if device == "cuda":
            torch.cuda.synchronize()
        took.append(clock() - began)
    return float(2 * side**3 / min(took))
