"""Drawing an answer's masks and boxes over the picture."""

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
    pixels = np.asarray(to_rgb(image), dtype=np.float32).copy()
    for number, mask in enumerate(answer.masks):
        colour = np.array(COLOURS[number % len(COLOURS)], np.float32)
        pixels[mask] = (1 - _OPACITY) * pixels[mask] + _OPACITY * colour
        pixels[outline(mask)] = colour
    drawn = Image.fromarray(pixels.round().astype(np.uint8))
    if answer.box_source == "text":
        _draw_boxes(drawn, answer.boxes)
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


def _draw_boxes(drawn: Image.Image, boxes: npt.NDArray[np.float32]) -> None:
    pen = ImageDraw.Draw(drawn)
    thickness = max(1, min(drawn.size) // 200)
    for number, box in enumerate(boxes):
        x0, y0, x1, y1 = (float(value) for value in box)
        far = (max(x0, min(x1, drawn.width) - 1), max(y0, min(y1, drawn.height) - 1))
        pen.rectangle(((x0, y0), far), outline=COLOURS[number % len(COLOURS)], width=thickness)
