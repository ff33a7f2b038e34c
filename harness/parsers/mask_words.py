"""Masks that an answer gives in words: COCO run-length encodings or polygons, in JSON or as lists of points."""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from harness.boxes import Frame, sides
from harness.errors import SampleError
from harness.masks import from_json, from_polygons, union
from harness.records import Mask

_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
# "[SEG]" and "{<10><20>.." begin with brackets too: a list begins with a number, a list or an object.
_JSON = re.compile(r"\{\s*[\"}]|\[\s*[-\d.\[{]")
_NUMBER = r"\s*-?\d+(?:\.\d+)?\s*"
_POINTS = re.compile(rf"(?:[(\[]{_NUMBER},{_NUMBER}[)\]][\s,;]*){{3,}}")
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")


def masks_in(text: str, size: tuple[int, int] | None, frame: Frame = "pixels") -> tuple[Mask, ...]:
    """Returns the masks of a text; none where it has none in a known form.

    The forms: `{"masks": [..]}` (lmms-eval's way of passing masks as words), a mask or a list of masks with `size` and
    `counts`; `{"polygons": [..]}` or `{"segmentation": [..]}` with lists of x and y in turns, or of points; the same
    lists bare; and three points or more in a row, `(x, y), (x, y), ..` or `[x, y], ..`, each row one polygon. JSON may
    stand in a fence of backticks. Four numbers are a box and no polygon.

    Args:
        text: the answer, thoughts removed.
        size: the image's height and width, which polygons need; None where it is not known.
        frame: what the polygons' numbers count.

    Raises:
        SampleError: it begins like one of them and is none.
    """
    fenced = _FENCE.search(text)
    bare = (fenced.group(1) if fenced else text).strip()
    content = _loaded(bare) if _JSON.match(bare) else None
    if content is not None:
        return _in_json(content, size, frame)
    polygons = [[float(number) for number in _NUMBERS.findall(row)] for row in _POINTS.findall(bare)]
    return _filled(polygons, size, frame) if polygons else ()


def _loaded(text: str) -> Any:
    """A text's JSON; None where it only begins with a list."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if text.startswith("["):
            return None
        raise SampleError(f"the answer begins like JSON and is none: {error}") from error


def _in_json(content: Any, size: tuple[int, int] | None, frame: Frame) -> tuple[Mask, ...]:
    if isinstance(content, list):
        return _listed(content, size, frame)
    if "counts" in content:
        return (from_json(content),)
    for key in ("masks", "polygons", "segmentation"):
        if key in content:
            if not isinstance(content[key], list):
                raise SampleError(f"the answer's `{key}` is not a list")
            masks = key == "masks"
            return tuple(map(from_json, content[key])) if masks else _listed(content[key], size, frame)
    return ()


def _listed(content: list[Any], size: tuple[int, int] | None, frame: Frame) -> tuple[Mask, ...]:
    if all(isinstance(part, dict) for part in content):
        return tuple(from_json(part) for part in content if "counts" in part)
    if _is_box(content) or all(isinstance(part, list) and _is_box(part) for part in content):
        return ()
    return _filled(_polygons(content), size, frame)


def _polygons(content: Sequence[Any]) -> list[list[float]]:
    """The polygons of nested lists: one list of numbers or of points, or a list of such lists."""
    if _is_polygon(content):
        return [_flat(content)]
    if all(isinstance(part, list) and _is_polygon(part) for part in content):
        return [_flat(part) for part in content]
    raise SampleError("the answer's polygons are neither lists of numbers nor lists of points")


def _is_polygon(part: Sequence[Any]) -> bool:
    return bool(part) and (_are_numbers(part) or all(isinstance(at, list) and _is_point(at) for at in part))


def _is_box(values: Sequence[Any]) -> bool:
    return len(values) == 4 and _are_numbers(values)


def _is_point(at: Sequence[Any]) -> bool:
    return len(at) == 2 and _are_numbers(at)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _flat(polygon: Sequence[Any]) -> list[float]:
    return [float(value) for at in polygon for value in (at if isinstance(at, list) else (at,))]


def _filled(polygons: list[list[float]], size: tuple[int, int] | None, frame: Frame) -> tuple[Mask, ...]:
    if size is None:
        raise SampleError("the answer's polygons cannot be drawn: the size of the image is not known")
    return tuple(union(from_polygons(size, [_in_pixels(polygon, size, frame)])) for polygon in polygons)


def _in_pixels(polygon: list[float], size: tuple[int, int], frame: Frame) -> list[float]:
    across, down = sides(frame, size)
    height, width = size
    return [value * height / down if place % 2 else value * width / across for place, value in enumerate(polygon)]
