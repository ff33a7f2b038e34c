"""COCO's ways of writing down a mask: run-length encodings and polygons, one or several parts."""

from collections.abc import Sequence
from typing import Any, Literal

from harness.errors import SampleError
from harness.masks import area, exactly_one, from_json, from_polygons, union
from harness.records import Mask

Overlap = Literal["union", "rmsin"]


def mask_of(segmentation: Any, size: tuple[int, int], overlap: Overlap) -> Mask:
    """Returns the mask of an annotation's `segmentation`.

    Args:
        segmentation: an encoding, a list of encodings, a polygon, or a list of polygons.
        size: the image's height and width, which an encoding must have.
        overlap: what becomes of pixels that lie in several parts, see `harness.readers.refer.ReferReader`.

    Raises:
        SampleError: it is none of these, or malformed, or of another size.
    """
    parts = _parts(segmentation if isinstance(segmentation, list) else [segmentation], size)
    return exactly_one(parts) if overlap == "rmsin" else union(parts)


def _parts(parts: list[Any], size: tuple[int, int]) -> Sequence[Mask]:
    if not parts:
        raise SampleError("its segmentation is empty")
    if all(isinstance(part, dict) for part in parts):
        return [_of_size(from_json(part), size) for part in parts]
    if _are_numbers(parts):
        return from_polygons(size, [parts])
    if all(isinstance(part, list) and _are_numbers(part) for part in parts):
        return from_polygons(size, parts)
    raise SampleError("its segmentation is neither masks (`size` and `counts`) nor lists of numbers (polygons)")


def _are_numbers(values: list[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _of_size(mask: Mask, size: tuple[int, int]) -> Mask:
    if mask.size != size:
        raise SampleError(
            f"the mask has {mask.size[0]} x {mask.size[1]} pixels and its image {size[0]} x {size[1]}. "
            "Take annotations and images of one release, or correct this mask."
        )
    return mask


def size_class(mask: Mask) -> str:
    """Returns COCO's name for an area: `small` below 32 x 32 pixels, `medium` below 96 x 96, else `large`."""
    pixels = area(mask)
    return "small" if pixels < 32**2 else "medium" if pixels < 96**2 else "large"
