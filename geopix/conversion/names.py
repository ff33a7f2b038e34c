"""What a tensor is called here and in the release, and what shape a configuration gives it."""

import torch

from geopix.configuration import GeoPixConfig
from geopix.conversion.unused import unused_shapes
from geopix.modeling import GeoPixForConditionalGeneration

Shapes = dict[str, tuple[int, ...]]

#: Beginnings of our names and of the released ones; the first that fits is taken. The release calls the neck of the
#: first level "rough" and that of the second "detail", whatever CLIP layers they read.
BEGINNINGS = (
    ("vision_tower.clip.", "vlm/vision_tower.vision_model."),
    ("multi_modal_projector.", "vlm/multi_modal_projector."),
    ("language_model.", "vlm/language_model."),
    ("mask_head.text_hidden_fcs.", "text_hidden_fcs.pth/"),
    ("mask_head.necks.0.", "image_neck_rough.pth/"),
    ("mask_head.necks.1.", "image_neck_detail.pth/"),
    ("mask_head.prompt_encoder.pe_layer.gaussian", "pec/prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    ("mask_head.prompt_encoder.", "pec/prompt_encoder."),
    ("mask_head.mask_decoder.inputs.1.pe.gaussian", "seg/mask_decoder.pe1.positional_encoding_gaussian_matrix"),
    ("mask_head.mask_decoder.inputs.1.", "seg/mask_decoder."),
    ("mask_head.mask_decoder.", "seg/mask_decoder."),
    ("mask_head.memory.attention.", "clm/memory_attention."),
)

#: Within the mask decoder's transformers the release numbers a block's two linear layers from one.
WITHIN = ((".mlp.layers.0.", ".mlp.lin1."), (".mlp.layers.1.", ".mlp.lin2."))

#: Vectors here that the release keeps as a list of single numbers.
LISTS = {
    "mask_head.token_fusion.weight": "multiseg_scalar.pth",
    "mask_head.scale_fusion.weight": "multiscale_scalar.pth",
}


#: The weights whose element type is called the checkpoint's.
EMBEDDING = "language_model.model.embed_tokens.weight"


def released_names(ours: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Returns the released name of one of our tensors, or several where the release keeps a list.

    >>> released_names("mask_head.necks.0.conv1.0.bias", (512,))
    ('image_neck_rough.pth/conv1.0.bias',)
    >>> released_names("mask_head.scale_fusion.weight", (2,))
    ('multiscale_scalar.pth/0', 'multiscale_scalar.pth/1')
    """
    if ours in LISTS:
        return tuple(f"{LISTS[ours]}/{index}" for index in range(shape[0]))
    beginning, released = next(pair for pair in BEGINNINGS if ours.startswith(pair[0]))
    name = released + ours.removeprefix(beginning)
    for inner, replacement in WITHIN if name.startswith("seg/mask_decoder.transformer.") else ():
        name = name.replace(inner, replacement)
    return (name,)


def our_shapes(config: GeoPixConfig) -> Shapes:
    """The tensors that our checkpoint of this configuration holds."""
    with torch.device("meta"):
        model = GeoPixForConditionalGeneration(config)
    tied = {"language_model.lm_head.weight"} if config.text_config.tie_word_embeddings else set()
    return {name: tuple(value.shape) for name, value in model.state_dict().items() if name not in tied}


def released_shapes(config: GeoPixConfig) -> Shapes:
    """The tensors that a released checkpoint of this configuration holds, those without effect included."""
    shapes: Shapes = {}
    for ours, shape in our_shapes(config).items():
        names = released_names(ours, shape)
        shapes |= dict.fromkeys(names, () if ours in LISTS else shape)
    return shapes | unused_shapes(config)
