"""What a writer of a benchmark's files gets to see, and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from geopix.earth.questions import Question
from geopix.earth.references import Reference
from geopix.earth.scene import Scene
from geopix.earth.seeds import seed_of


@dataclass(frozen=True)
class Picture:
    """One scene with what is said of it.

    Attributes:
        seed: The data set's.
        split: Train, val or test, or any other name.
        index: From 0, within the split.
        image_id: From 1, unique in the data set.
        scene: The picture and all that is known of it.
        questions: What is asked about it.
        references: What is named in it, in the order of the instances.
    """

    seed: int
    split: str
    index: int
    image_id: int
    scene: Scene
    questions: tuple[Question, ...]
    references: tuple[Reference, ...]

    @property
    def size(self) -> int:
        """Width and height in pixels."""
        return int(self.scene.image.shape[0])

    def random(self, purpose: int) -> np.random.Generator:
        """Returns a source of chance of this picture's own; each purpose has another (see `geopix.earth.seeds`)."""
        return np.random.default_rng(seed_of(self.seed, self.split, self.index, purpose))


class Layout(Protocol):
    """Writes pictures as one benchmark keeps its own, in two steps: many workers' and one."""

    def write_picture(self, root: Path, picture: Picture) -> Any:
        """Writes the files that are this picture's alone, and returns what the tables will say of it.

        Called in a worker; the result is pickled, so it should be small.
        """
        ...

    def samples(self, row: Any) -> int:
        """Returns how many samples a reader will find in what `write_picture` returned."""
        ...

    def write_tables(self, root: Path, rows: Sequence[tuple[str, Any]]) -> None:
        """Writes the files about many pictures.

        Args:
            root: Mini Earth's folder.
            rows: For each picture its split and what `write_picture` returned; split by split, by growing ids.
        """
        ...


def of_split(rows: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Returns rows by split.

    >>> of_split([("train", 1), ("test", 2), ("train", 3)])
    {'train': [1, 3], 'test': [2]}
    """
    found: dict[str, list[Any]] = {}
    for split, row in rows:
        found.setdefault(split, []).append(row)
    return found
