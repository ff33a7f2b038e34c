"""Drawing an answer's masks and boxes over the picture."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from geopix.image_processing import ImageInput, to_rgb
from geopix.predictor import Answer

#: Okabe and Ito's colours, told apart also by colour-blind readers; the darkest ones left out.
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167))

_OPACITY = 0.45


def draw_answer(image: ImageInput, answer: Answer) -> Image.Image:
    """Overlays the masks, tinted and outlined, and the boxes that the text speaks.

    Args:
        image: the picture the answer is about.
        answer: what `GeoPix.respond` gave for it.

    Returns:
        A new RGB picture of the same size.
    """
    boxes = answer.boxes.tolist() if answer.box_source == "text" else []
    return draw(to_rgb(image), (((0, 0), mask) for mask in answer.masks), boxes)


def draw(
    picture: Image.Image,
    masks: Iterable[tuple[tuple[int, int], npt.NDArray[np.bool_]]],
    boxes: Iterable[Sequence[float]],
) -> Image.Image:
    """Overlays masks, tinted and outlined, and boxes; each the n-th mask and box in the n-th colour.

    Args:
        picture: an RGB picture.
        masks: for each, x and y of its upper left pixel and its pixels bool[h, w], which lie in the picture.
        boxes: x0 y0 x1 y1 in pixels.

    Returns:
        A new RGB picture of the same size.
    """
    pixels = np.array(picture)
    for number, ((x, y), mask) in enumerate(masks):
        height, width = mask.shape
        colour = np.array(COLOURS[number % len(COLOURS)], np.float32)
        place = pixels[y : y + height, x : x + width]
        place[mask] = np.rint((1 - _OPACITY) * place[mask].astype(np.float32) + _OPACITY * colour)
        place[outline(mask)] = colour
    drawn = Image.fromarray(pixels)
    _draw_boxes(drawn, boxes)
    return drawn


def outline(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The pixels of a mask that touch its outside by a side; the picture's edge counts as outside.

    >>> outline(np.ones((3, 3), bool)).astype(int)
    array([[1, 1, 1],
           [1, 0, 1],
           [1, 1, 1]])
    """
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: npt.NDArray[np.bool_] = mask & ~inner
    return edge


def _draw_boxes(drawn: Image.Image, boxes: Iterable[Sequence[float]]) -> None:
    pen = ImageDraw.Draw(drawn)
    thickness = max(1, min(drawn.size) // 200)
    for number, box in enumerate(boxes):
        x0, y0, x1, y1 = (float(value) for value in box)
        far = (max(x0, min(x1, drawn.width) - 1), max(y0, min(y1, drawn.height) - 1))
        pen.rectangle(((x0, y0), far), outline=COLOURS[number % len(COLOURS)], width=thickness)
