"""True and predicted masks as transparent pictures."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.masks import runs
from harness.records import Mask
from harness.report.pictures import data_address

# Nothing, truth only, prediction only, both; told apart by people who see few colours, and bright on dark land.
PALETTE = (0, 0, 0, 86, 180, 255, 255, 110, 40, 250, 230, 60)


@dataclass(frozen=True)
class Overlay:
    """One answer's masks as data addresses, each None where there is no such mask."""

    truth: str | None
    prediction: str | None
    agreement: str


def overlay(truth: Sequence[Mask], prediction: Sequence[Mask], width: int, height: int) -> Overlay | None:
    """Returns the masks of one answer at a picture's size; None where neither has any.

    Args:
        truth: the true masks, drawn as one.
        prediction: the predicted masks, drawn as one.
        width: the picture's width.
        height: the picture's height.

    Raises:
        SampleError: a mask is malformed.
    """
    if not truth and not prediction:
        return None
    true, predicted = _union(truth, width, height), _union(prediction, width, height)
    return Overlay(
        truth=_paint(true) if truth else None,
        prediction=_paint(predicted * 2) if prediction else None,
        agreement=_paint(true + predicted * 2),
    )


def _union(masks: Sequence[Mask], width: int, height: int) -> NDArray[np.uint8]:
    drawn = np.zeros((height, width), dtype=np.uint8)
    for mask in masks:
        drawn |= np.asarray(Image.fromarray(_pixels(mask)).resize((width, height), Image.Resampling.NEAREST))
    return drawn


def _pixels(mask: Mask) -> NDArray[np.uint8]:
    lengths = runs(mask)
    height, width = mask.size
    column_by_column = np.repeat((np.arange(len(lengths)) % 2).astype(np.uint8), lengths)
    return np.ascontiguousarray(column_by_column.reshape(width, height).T)


def _paint(values: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(values)
    picture = picture.convert("P")
    picture.putpalette(PALETTE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=0, bits=2, optimize=True)
    return data_address("png", buffer.getvalue())
