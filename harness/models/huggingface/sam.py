"""Segment Anything of transformers as a segmenter: a mask a box."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import ConfigurationError, EnvironmentProblem, nearest
from harness.masks import encode
from harness.models.huggingface.loading import usual_device
from harness.models.huggingface.options import DTYPES
from harness.models.huggingface.pictures import picture
from harness.models.huggingface.sources import Source, find, told, whole_model
from harness.records import Box, ImageFile, Mask

OPTIONS = ("device", "dtype")
MODEL_TYPES = ("sam", "sam_hq")
#: Masks are drawn at the image's own size, in four bytes a pixel, before they are encoded.
AT_A_TIME = 16


@dataclass(frozen=True)
class SamSegmenter:
    """A SAM that draws what lies in boxes.

    Attributes:
        model: what `AutoModelForMaskGeneration` gave.
        processor: what `AutoProcessor` gave.
        name: its name in tables.
        digest: changes with the checkpoint and the dtype.
        settings: path, device, dtype.
    """

    model: Any = field(repr=False)
    processor: Any = field(repr=False)
    name: str
    digest: str
    settings: Mapping[str, str]

    def masks(self, image: ImageFile, boxes: Sequence[Box]) -> list[Mask]:
        """Returns one mask a box, of the image's own size; the best one that SAM has for a box.

        Args:
            image: the image, which is read once.
            boxes: in its pixels.

        Raises:
            SampleError: the image cannot be read.
        """
        shown = picture(image, blank=False)
        parts = [boxes[start : start + AT_A_TIME] for start in range(0, len(boxes), AT_A_TIME)]
        return [mask for part in parts for mask in self._drawn(shown, part)]

    def _drawn(self, shown: Any, boxes: Sequence[Box]) -> list[Mask]:
        import torch  # noqa: PLC0415 - slow to import; here it is loaded already

        inputs = self.processor(shown, input_boxes=[[list(box) for box in boxes]], return_tensors="pt")
        sizes = (inputs["original_sizes"], inputs["reshaped_input_sizes"])
        inputs = {name: _moved(value, self.model) for name, value in inputs.items()}
        with torch.inference_mode():
            scores = self.model(**inputs, multimask_output=False).pred_masks
        drawn = self.processor.post_process_masks(scores.float().cpu(), *sizes)[0]
        return [encode(mask) for mask in drawn[:, 0].numpy()]


def _moved(value: Any, model: Any) -> Any:
    return value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)


def sam(argument: str, options: Mapping[str, str]) -> SamSegmenter:
    """Returns the segmenter of `--model FIRST+sam:ID-or-folder`.

    Args:
        argument: a folder that `save_pretrained` of a SAM and of its processor wrote, or an id on the hub.
        options: `device` (a GPU where there is one); `dtype` (float32, bfloat16, float16, or auto: the stored one).

    Raises:
        ConfigurationError: an unknown option or value, or a checkpoint of another type.
        EnvironmentProblem: an extra or a file is missing, or it cannot be loaded.
    """
    for option in options:
        if option not in OPTIONS:
            known = ", ".join((*OPTIONS, "boxes"))
            raise ConfigurationError(f"sam has no option {option!r}.{nearest(option, OPTIONS)} Known: {known}.")
    dtype = options.get("dtype", "auto")
    if dtype not in DTYPES:
        raise ConfigurationError(f"option sam.dtype: expected {', '.join(DTYPES)}, found {dtype!r}.")
    source, model, processor = _load(argument, dtype, options.get("device"))
    return SamSegmenter(
        model,
        processor,
        name=source.name,
        digest=hashlib.sha256(f"{source.digest}\n{model.dtype}\n".encode()).hexdigest(),
        settings={
            "checkpoint": argument,
            **source.at,
            "device": str(model.device),
            "dtype": str(model.dtype).removeprefix("torch."),
        },
    )


def _load(place: str, dtype: str, device: str | None) -> tuple[Source, Any, Any]:
    try:
        from transformers import AutoConfig, AutoModelForMaskGeneration, AutoProcessor  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise EnvironmentProblem(f"sam needs the extra `hf`: {error}. Install it: pip install 'geopix[hf]'.") from error
    source = find(place, "sam")
    with told(f"sam:{place}"):
        config = AutoConfig.from_pretrained(place, **source.at)
        if config.model_type not in MODEL_TYPES:
            raise ConfigurationError(
                f"sam:{place}: expected a checkpoint of model_type {' or '.join(MODEL_TYPES)}, found "
                f"{config.model_type!r}."
            )
        model = whole_model(AutoModelForMaskGeneration, source, dtype=dtype).to(device or usual_device())
        return source, model, AutoProcessor.from_pretrained(place, **source.at)
