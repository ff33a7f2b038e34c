"""The eight ways to lay a picture on itself: quarter turns and mirrorings, exact to the pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.masks import decode, encode
from harness.records import Box, Mask

Direction = tuple[int, int]
WEST: Direction = (-1, 0)
EAST: Direction = (1, 0)
NORTH: Direction = (0, -1)
SOUTH: Direction = (0, 1)
HUNDREDTHS = 100


@dataclass(frozen=True)
class Symmetry:
    """Mirrors a picture left to right, or does not, and then turns it.

    Attributes:
        mirrored: whether left and right change places first.
        turns: quarter turns against the clock that follow, 0 to 3.
    """

    mirrored: bool = False
    turns: int = 0

    @property
    def swaps_axes(self) -> bool:
        """Whether what lay side by side lies above each other afterwards."""
        return self.turns % 2 == 1

    def direction(self, where: Direction) -> Direction:
        """Returns where a direction points afterwards; x to the right, y down.

        >>> Symmetry(mirrored=True).direction(EAST), Symmetry(turns=1).direction(EAST)
        ((-1, 0), (0, -1))
        """
        x, y = where
        x = -x if self.mirrored else x
        for _ in range(self.turns):
            x, y = y, -x
        return x, y

    def box(self, box: Box, extent: float = HUNDREDTHS) -> Box:
        """Returns where a box lies afterwards.

        Args:
            box: x0, y0, x1, y1 in a frame whose sides both measure `extent`.
            extent: the sides of the frame, hundredths of the image's by default.

        >>> Symmetry(turns=1).box((0, 10, 20, 40))
        (10, 80, 40, 100)
        """
        x0, y0, x1, y1 = box
        if self.mirrored:
            x0, x1 = extent - x1, extent - x0
        for _ in range(self.turns):
            x0, y0, x1, y1 = y0, extent - x1, y1, extent - x0
        return x0, y0, x1, y1

    def pixels(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Returns pixels [H, W, ..] laid anew: [H, W, ..], or [W, H, ..] where the axes are swapped."""
        return np.rot90(values[:, ::-1] if self.mirrored else values, self.turns)

    def picture(self, image: Image.Image) -> Image.Image:
        """Returns a picture laid anew."""
        return image if self == IDENTITY else Image.fromarray(np.ascontiguousarray(self.pixels(np.asarray(image))))

    def mask(self, mask: Mask) -> Mask:
        """Returns a mask laid anew.

        Raises:
            SampleError: the mask is malformed.
        """
        return mask if self == IDENTITY else encode(self.pixels(decode(mask)).astype(np.bool_))


IDENTITY = Symmetry()


def symmetry(*, horizontal_flip: bool, vertical_flip: bool, turns: int) -> Symmetry:
    """Returns what two flips and then some quarter turns against the clock come to.

    >>> symmetry(horizontal_flip=True, vertical_flip=True, turns=0)
    Symmetry(mirrored=False, turns=2)
    """
    return Symmetry(horizontal_flip != vertical_flip, (2 * vertical_flip + turns) % 4)
