"""From a source to a vision-language model and its processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.errors import ConfigurationError, EnvironmentProblem, nearest
from harness.models.huggingface.options import Options
from harness.models.huggingface.processors import load_processor
from harness.models.huggingface.sources import Source, find, told, whole_model


@dataclass(frozen=True)
class Checkpoint:
    """A vision-language model, loaded.

    Attributes:
        model: what `AutoModelForImageTextToText` gave, in evaluation mode.
        processor: it pads on the left.
        source: where it comes from.
    """

    model: Any
    processor: Any
    source: Source

    @property
    def model_type(self) -> str:
        """The `model_type` of its config.json."""
        return str(self.model.config.model_type)


def load(place: str, options: Options) -> Checkpoint:
    """Returns the model of a folder that `save_pretrained` wrote, or of an id on the hub.

    Raises:
        ConfigurationError: its model type is not one of images and text.
        EnvironmentProblem: an extra, the folder or a file is missing, or it cannot be loaded.
    """
    try:
        from transformers import AutoConfig, AutoModelForImageTextToText  # noqa: PLC0415 - an extra, slow to import
    except ImportError as error:
        raise EnvironmentProblem(
            f"Hugging Face models need the extra `hf`: {error}. Install it: pip install 'geopix[hf]'."
        ) from error
    source = find(place, "hf", options.revision)
    trust = {"trust_remote_code": options.trust_remote_code}
    with told(f"hf:{place}"):
        config = AutoConfig.from_pretrained(place, **source.at, **trust)
        _check_type(config, place)
        processor = load_processor(place, config, **source.at, **trust)
        _check_processor(processor, place)
        model = whole_model(AutoModelForImageTextToText, source, **trust, **_weights(options))
        if options.device_map is None:
            model = model.to(options.device or usual_device())
    _pad_left(processor.tokenizer)
    return Checkpoint(model, processor, source)


def usual_device() -> str:
    """Returns the name of a GPU where there is one."""
    import torch  # noqa: PLC0415 - an extra, and slow to import

    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_type(config: Any, place: str) -> None:
    from transformers.models.auto.modeling_auto import (  # noqa: PLC0415 - an extra, and slow to import
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN,
    )

    own_code = "AutoModelForImageTextToText" in getattr(config, "auto_map", {})
    if config.model_type not in KNOWN and not own_code:
        raise ConfigurationError(
            f"{place}: model_type {config.model_type!r} is no model of images and text in the installed transformers."
            f"{nearest(config.model_type, KNOWN)} It has {len(KNOWN)} of them, llava and qwen2_5_vl for example."
        )


def _check_processor(processor: Any, place: str) -> None:
    # Where transformers finds no processor, it gives the tokenizer or another part alone.
    if not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
        raise EnvironmentProblem(
            f"{place} has a {type(processor).__name__} and no processor of images and words. Expected what "
            "`save_pretrained` of its processor writes: preprocessor_config.json, processor_config.json, the tokenizer."
        )


def _weights(options: Options) -> dict[str, Any]:
    named = {"device_map": options.device_map, "attn_implementation": options.attention}
    return {"dtype": options.dtype} | {name: value for name, value in named.items() if value is not None}


def _pad_left(tokenizer: Any) -> None:
    """Answers go on where prompts end, so that a batch's prompts have to end together."""
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
