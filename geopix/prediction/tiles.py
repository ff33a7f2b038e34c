"""Windows of a picture, and how they cover a large scene."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import ConfigurationError


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels in a picture; the far sides are exclusive.

    Attributes:
        x: the left side.
        y: the upper side.
        width: in pixels.
        height: in pixels.
    """

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column behind the window."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the window."""
        return self.y + self.height

    def shared(self, other: "Window") -> "Window | None":
        """Returns the part that two windows share; None when they share no pixel.

        >>> Window(0, 0, 4, 4).shared(Window(3, 2, 4, 4))
        Window(x=3, y=2, width=1, height=2)
        """
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Window(x, y, width, height) if width > 0 and height > 0 else None


@dataclass(frozen=True)
class Tiling:
    """How a scene is cut into tiles.

    Attributes:
        side: width and height of a tile in pixels.
        overlap: pixels that neighbours share, at least.

    Raises:
        ConfigurationError: the overlap is not below the side.
    """

    side: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.side:
            raise ConfigurationError(
                f"--overlap: expected 0 to {self.side - 1} pixels for tiles of {self.side}, found {self.overlap}."
            )

    def windows(self, width: int, height: int) -> Iterator[Window]:
        """Yields the tiles of a scene, row by row.

        The last tile of a row or column is moved back so that it ends with the scene: where the scene is large enough,
        every tile has its full side.

        >>> [window.x for window in Tiling(4, 1).windows(9, 4)]
        [0, 3, 5]
        """
        for y in self._starts(height):
            for x in self._starts(width):
                yield Window(x, y, min(self.side, width), min(self.side, height))

    def _starts(self, length: int) -> list[int]:
        last = max(length - self.side, 0)
        return [*range(0, last, self.side - self.overlap), last]


def whole(width: int, height: int) -> list[Window]:
    """Returns the one window that is the whole picture."""
    return [Window(0, 0, width, height)]
