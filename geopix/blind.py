"""Pictures that show nothing: what the words alone are good for, the text-only (blind) ablation."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import BatchFeature

from geopix.image_processing import GeoPixImageProcessor, ImageInput


class BlankImages(GeoPixImageProcessor):
    """Gives the mean colour, which is zero after normalisation, for every picture."""

    def __call__(  # type: ignore[override]
        self, images: ImageInput | Sequence[ImageInput], **kwargs: Any
    ) -> BatchFeature:
        """Returns `pixel_values`, zeros float32[B, 3, S, S]; the pictures must still be readable."""
        return BatchFeature({"pixel_values": torch.zeros_like(super().__call__(images)["pixel_values"])})

    @classmethod
    def like(cls, processor: GeoPixImageProcessor) -> "BlankImages":
        """Returns the blind counterpart of an image processor."""
        return cls(processor.size, processor.image_mean, processor.image_std)
