"""Masks as COCO run-length encodings: checked, united and compared without ever being drawn.

The runs of a mask are counted down the columns, column by column, and alternate between background and mask, beginning
with background. pycocotools does the arithmetic in C, where a malformed encoding reads outside its memory: so nothing
reaches it that `checked` has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.deferred import Deferred
from harness.errors import SampleError
from harness.records import Box, Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pycocotools import mask as coco
else:
    np, coco = Deferred("numpy"), Deferred("pycocotools.mask")

# COCO's letters carry six bits from this character on: five of a number, low bits first, and one that says "go on".
_FIRST_LETTER = 48
_MORE = 0x20
_SIGN = 0x10
_LONGEST = 7
_MOST_PIXELS = 2**31
_FARTHEST = 1e5


def runs(mask: Mask) -> NDArray[np.int64]:
    """Returns a mask's run lengths int64[R]: background first, then mask, in turns.

    Raises:
        SampleError: the size or the encoding is malformed, or the runs do not fill the mask.
    """
    _check_size(mask.size)
    lengths = _letters_to_runs(mask.counts)
    _check_runs(lengths, mask.size)
    return lengths


def _check_size(size: tuple[int, int]) -> None:
    height, width = size
    if height < 1 or width < 1 or height * width > _MOST_PIXELS:
        raise SampleError(f"a mask's size is its height and width in pixels, found {height} x {width}")


def _check_runs(lengths: NDArray[np.int64], size: tuple[int, int]) -> None:
    height, width = size
    # Compared as Python numbers: a sum of hostile int64 could come round to the right one.
    if len(lengths) == 0 or lengths.min() < 0 or sum(lengths.tolist()) != height * width:
        raise SampleError(
            f"the mask's runs do not fill it: expected {height} x {width} = {height * width} pixels, "
            f"found {_total(lengths)}. Its size or its counts are damaged: write the mask again."
        )


def _total(lengths: NDArray[np.int64]) -> str:
    if len(lengths) and lengths.min() < 0:
        return f"a run of {lengths.min()}"
    return str(sum(lengths.tolist()))


def _letters_to_runs(counts: str) -> NDArray[np.int64]:
    letters = np.frombuffer(counts.encode(), dtype=np.uint8).astype(np.int64) - _FIRST_LETTER
    if len(letters) == 0 or letters.min() < 0 or letters.max() >= 2 * _MORE or letters[-1] & _MORE:
        raise SampleError(f"{counts[:40]!r} is no COCO run-length encoding: a character is not one of its letters")
    last = np.flatnonzero(letters & _MORE == 0)
    first = np.concatenate(([0], last[:-1] + 1))
    digit = np.arange(len(letters)) - np.repeat(first, last - first + 1)
    if digit.max() >= _LONGEST:
        raise SampleError(f"{counts[:40]!r} is no COCO run-length encoding: a number in it is too long")
    numbers = np.add.reduceat((letters & (_MORE - 1)) << (5 * digit), first)
    numbers -= np.where(letters[last] & _SIGN, 1 << (5 * (digit[last] + 1)), 0)
    # From the fourth number on, each is the difference to the last but one.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def from_runs(size: tuple[int, int], lengths: Sequence[int] | NDArray[np.int64]) -> Mask:
    """Returns the mask of some run lengths, background first.

    >>> from_runs((2, 3), [1, 2, 3])
    Mask(size=(2, 3), counts='123')

    Raises:
        SampleError: they do not fill the mask.
    """
    _check_size(size)
    values = np.asarray(lengths, dtype=np.int64)
    _check_runs(values, size)
    if len(values) > 1 and not values[1:].all():
        values = _without_empty_runs(values)
    encoded = coco.frPyObjects({"size": list(size), "counts": values.tolist()}, *size)
    return Mask(size, encoded["counts"].decode("ascii"))


def _without_empty_runs(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    total = lengths.sum()
    edges, times = np.unique(np.cumsum(lengths)[:-1], return_counts=True)
    edges = edges[(times % 2 == 1) & (edges < total)]
    return np.diff(np.concatenate(([0], edges, [total])))


@lru_cache(maxsize=256)
def checked(mask: Mask) -> Mask:
    """Returns a mask that is safe to compute with: well formed, and without empty runs between others.

    Raises:
        SampleError: it is malformed.
    """
    lengths = runs(mask)
    return mask if lengths[1:].all() else from_runs(mask.size, lengths)


def from_json(value: Any) -> Mask:
    """Returns the mask of a JSON object with `size` (height, width) and `counts` (COCO letters, or run lengths).

    Raises:
        SampleError: the object is no mask.
    """
    size, counts = (value.get("size"), value.get("counts")) if isinstance(value, dict) else (None, None)
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int for side in size)):
        raise SampleError("a mask needs `size`, a list of two whole numbers (height, width), and `counts`")
    if isinstance(counts, bytes):
        counts = counts.decode("ascii", "replace")
    if isinstance(counts, str):
        return checked(Mask((size[0], size[1]), counts))
    if isinstance(counts, list) and all(type(run) is int and abs(run) <= _MOST_PIXELS for run in counts):
        return from_runs((size[0], size[1]), counts)
    raise SampleError("a mask's `counts` is COCO's compressed text or a list of run lengths")


def from_polygons(size: tuple[int, int], polygons: Sequence[Sequence[float]]) -> tuple[Mask, ...]:
    """Returns one mask a polygon, filled as pycocotools fills it.

    Args:
        size: height and width in pixels.
        polygons: x and y of the corners in turns, pixels; parts outside the image are cut off.

    Raises:
        SampleError: a polygon is not three corners or more of finite numbers near the image.
    """
    _check_size(size)
    for corners in polygons:
        if len(corners) < 6 or len(corners) % 2:
            raise SampleError(f"a polygon needs three corners or more, x and y each; found {len(corners)} numbers")
        if not np.all(np.abs(np.asarray(corners, dtype=np.float64)) <= _FARTHEST):
            raise SampleError(f"a polygon's corner is not within {_FARTHEST:.0f} pixels of the image")
    encoded = coco.frPyObjects([list(map(float, corners)) for corners in polygons], *size)
    return tuple(Mask(size, part["counts"].decode("ascii")) for part in encoded)


def encode(pixels: NDArray[np.bool_]) -> Mask:
    """Returns the mask of bool[H, W] pixels.

    >>> import numpy as np
    >>> encode(np.array([[False, True, False], [True, False, False]]))
    Mask(size=(2, 3), counts='123')
    """
    height, width = pixels.shape
    encoded = coco.encode(np.asfortranarray(pixels, dtype=np.uint8))
    return Mask((height, width), encoded["counts"].decode("ascii"))


def decode(mask: Mask) -> NDArray[np.bool_]:
    """Returns the pixels of a mask, bool[H, W].

    Raises:
        SampleError: the mask is malformed.
    """
    lengths = runs(mask)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(mask.size, order="F")


def box_of(mask: Mask) -> tuple[float, float, float, float] | None:
    """Returns the tight box (x0, y0, x1, y1) of a checked mask, the far sides exclusive; None where it has no pixel.

    >>> box_of(from_runs((2, 3), [1, 2, 3]))
    (0.0, 0.0, 2.0, 2.0)
    """
    x, y, width, height = map(float, coco.toBbox(_as_coco(mask)))
    return (x, y, x + width, y + height) if width and height else None


def empty(size: tuple[int, int]) -> Mask:
    """Returns a mask without a pixel."""
    return from_runs(size, [size[0] * size[1]])


def union(masks: Sequence[Mask]) -> Mask:
    """Returns the pixels that belong to any of some checked masks of one size."""
    return masks[0] if len(masks) == 1 else _combine(masks, intersect=False)


def exactly_one(masks: Sequence[Mask]) -> Mask:
    """Returns the pixels that belong to exactly one of some checked masks of one size."""
    if len(masks) == 1:
        return masks[0]
    return encode(np.sum([decode(mask) for mask in masks], axis=0) == 1)


@lru_cache(maxsize=1024)
def area(mask: Mask) -> int:
    """Returns the number of a checked mask's pixels."""
    return int(coco.area(_as_coco(mask)))


@lru_cache(maxsize=64)
def overlap(one: Mask, other: Mask) -> tuple[int, int]:
    """Returns the numbers of pixels in both and in either of two checked masks; exact.

    The last pairs are kept, since every metric of a task asks for the same ones.

    >>> overlap(from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3]))
    (2, 4)

    Raises:
        SampleError: their sizes differ.
    """
    if one.size != other.size:
        raise SampleError(
            f"masks of {_words(one.size)} and {_words(other.size)} cannot be compared. "
            "Resize predicted masks to their image's own size before they are scored."
        )
    shared = _combine((one, other), intersect=True)
    intersection = int(coco.area(_as_coco(shared)))
    return intersection, area(one) + area(other) - intersection


def iou_matrix(some: Sequence[Mask], others: Sequence[Mask]) -> NDArray[np.float64]:
    """Returns the IoU of every checked mask with every other, float64[S, O]; 0 for two empty masks.

    >>> ship, quay = from_runs((2, 2), [0, 3, 1]), from_runs((2, 2), [1, 3])
    >>> iou_matrix([ship], [ship, quay]).tolist()
    [[1.0, 0.5]]

    Raises:
        SampleError: their sizes differ.
    """
    sizes = {mask.size for mask in (*some, *others)}
    if len(sizes) > 1:
        raise SampleError(f"masks of {' and '.join(map(_words, sorted(sizes)))} cannot be compared")
    if not some or not others:
        return np.zeros((len(some), len(others)))
    found = coco.iou([_as_coco(mask) for mask in some], [_as_coco(mask) for mask in others], [0] * len(others))
    return np.asarray(found, dtype=np.float64)


def boxes_of(masks: Sequence[Mask]) -> tuple[Box, ...]:
    """Returns the boxes around some masks; those without a pixel have none."""
    return tuple(box for mask in masks if (box := box_of(checked(mask))) is not None)


def masks_of(boxes: Sequence[Box], size: tuple[int, int]) -> tuple[Mask, ...]:
    """Returns one filled rectangle a box: the pixels whose centres lie in it.

    >>> masks_of([(1.0, 0.0, 2.0, 2.0)], (2, 3)) == (from_runs((2, 3), [2, 2, 2]),)
    True

    Args:
        boxes: (x0, y0, x1, y1) in pixels; parts outside the image are cut off.
        size: height and width of the image.

    Raises:
        SampleError: a box is not four finite numbers with x0 <= x1 and y0 <= y1.
    """
    return tuple(_rectangle(box, size) for box in boxes)


def _rectangle(box: Box, size: tuple[int, int]) -> Mask:
    x0, y0, x1, y1 = box
    if not (np.isfinite(box).all() and x0 <= x1 and y0 <= y1):
        raise SampleError(f"a box is x0, y0, x1, y1 with x0 <= x1 and y0 <= y1, found {x0:g}, {y0:g}, {x1:g}, {y1:g}")
    height, width = size
    left, right = (int(np.clip(np.ceil(x - 0.5), 0, width)) for x in (x0, x1))
    top, bottom = (int(np.clip(np.ceil(y - 0.5), 0, height)) for y in (y0, y1))
    if left == right or top == bottom:
        return empty(size)
    between = [bottom - top, height - (bottom - top)] * (right - left)
    end = (width - right) * height + height - bottom
    return from_runs(size, [left * height + top, *between[:-1], end])


def _combine(masks: Sequence[Mask], *, intersect: bool) -> Mask:
    merged = coco.merge([_as_coco(mask) for mask in masks], intersect=intersect)
    return Mask(masks[0].size, merged["counts"].decode("ascii"))


def _as_coco(mask: Mask) -> dict[str, Any]:
    return {"size": list(mask.size), "counts": mask.counts}


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"
