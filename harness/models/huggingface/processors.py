"""Processors without their part for videos, which needs torchvision and which nobody is asked about here."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

VIDEO = "video_processor"


class NoVideos(dict[str, Any]):
    """Stands where a processor keeps its part for videos; empty, so that it can be written with the other parts."""

    num_frames: int | None = None
    fps: float | None = None


class ImagesOnly:
    """Mixed into a processor's class: it takes `NoVideos` for the part that reads videos."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        """Returns the class that an argument has to have, as the processor checks it."""
        if isinstance(argument, NoVideos):
            return NoVideos
        return super().check_argument_for_proper_class(argument_name, argument)  # type: ignore[misc]


def load_processor(source: str, config: Any, **hub: Any) -> Any:
    """Returns the processor of a checkpoint: transformers' own, or one for pictures alone where torchvision is missing.

    Args:
        source: a folder, or an id on the hub.
        config: the checkpoint's configuration.
        hub: `revision`, `trust_remote_code`.
    """
    from transformers import AutoProcessor  # noqa: PLC0415 - an extra, and slow to import
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING  # noqa: PLC0415 - likewise

    kind: Any = PROCESSOR_MAPPING.get(type(config), None)
    if kind is None or VIDEO not in kind.get_attributes() or find_spec("torchvision"):
        return AutoProcessor.from_pretrained(source, **hub)
    return _images_only(kind, source, **hub)


def _images_only(kind: Any, source: str, **hub: Any) -> Any:
    from transformers import AutoImageProcessor, AutoTokenizer  # noqa: PLC0415 - an extra, and slow to import

    parts: dict[str, Any] = {"tokenizer": AutoTokenizer, "image_processor": AutoImageProcessor}
    arguments = [
        NoVideos() if name == VIDEO else parts[name].from_pretrained(source, **hub) for name in kind.get_attributes()
    ]
    stored, left = kind.get_processor_dict(source, **hub)
    images_only: Any = type(kind.__name__, (ImagesOnly, kind), {})
    return images_only.from_args_and_dict(arguments, stored, **left)
