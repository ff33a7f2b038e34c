"""What is known of a finished tile, and of a finished data set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geopix.own_data.cutting import Spot, Truth
from geopix.own_data.questions import Question


@dataclass(frozen=True, eq=False)
class Tile:
    """A tile that was written.

    Attributes:
        image: its file's name in the folder of images.
        spot: where it was cut.
        truth: what it shows.
        questions: what is asked of it.
    """

    image: str
    spot: Spot
    truth: Truth
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class SplitCount:
    """What one split holds.

    Attributes:
        places: groups of places without common ground.
        tiles: images.
        questions: samples that the reader finds.
        no_target: those of them that ask for what is not there.
        objects: targets of each class, by name; a polygon in two tiles counts twice.
    """

    places: int
    tiles: int
    questions: int
    no_target: int
    objects: Mapping[str, int]

    @classmethod
    def of(cls, tiles: Sequence[Tile]) -> "SplitCount":
        """Counts a split's tiles."""
        questions = [question for tile in tiles for question in tile.questions]
        objects = Counter(target.polygon.category for tile in tiles for target in tile.truth.targets)
        return cls(
            places=len({tile.spot.place.group for tile in tiles}),
            tiles=len(tiles),
            questions=len(questions),
            no_target=sum(not question.targets for question in questions),
            objects=dict(sorted(objects.items())),
        )


@dataclass(frozen=True)
class LeftOut:
    """What is not in the data, though nothing is wrong with it.

    Attributes:
        outside: polygons that lie in no raster.
        small: polygons of which no tile shows enough.
        several_splits: polygons that lie across places of different splits, a part in each; these are kept.
        without_data: tiles without a valid pixel.
        background: tiles without a polygon beyond those that are kept.
        nothing_to_ask: tiles that show slivers alone.
    """

    outside: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    several_splits: tuple[str, ...] = ()
    without_data: int = 0
    background: int = 0
    nothing_to_ask: int = 0
