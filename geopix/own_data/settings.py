"""Everything that decides what `geopix tiles` writes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geopix.own_data.cutting import SliverRule
from geopix.own_data.polygons import Columns
from geopix.own_data.problems import Policy
from geopix.prediction.scenes import Reading
from geopix.prediction.tiles import Tiling
from geopix.splits import Splits
from harness.catalog import Catalogue
from harness.errors import ConfigurationError

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Settings:
    """How tiles are cut and what is asked of them.

    Attributes:
        name: the task's and the recipe's name.
        columns: which attributes say what.
        reading: the bands and the stretch.
        tiling: the tiles' side and overlap; only the first split's tiles overlap.
        splits: their names with their shares: the first is trained on, the last tests, one between examines.
        block: the side in pixels of the blocks that rasters are parted into; None for whole rasters.
        rule: which parts of polygons are kept.
        absent: how many classes that are not there a tile is asked for, at most.
        background: tiles without a polygon that are kept, for each with one, at most.
        defects: what becomes of rasters and polygons that cannot be used.
        seed: decides which places belong to which split, and all else that is left to chance.
    """

    name: str
    columns: Columns
    reading: Reading
    tiling: Tiling
    splits: Splits
    block: int | None
    rule: SliverRule
    absent: int
    background: float
    defects: Policy
    seed: int

    @property
    def training(self) -> str:
        """The split that is trained on."""
        return self.splits[0][0]

    @property
    def test(self) -> str:
        """The split that tests."""
        return self.splits[-1][0]

    @property
    def examination(self) -> str | None:
        """The split that examines a training as it goes; None without one between the first and the last."""
        return self.splits[1][0] if len(self.splits) > 2 else None

    def check(self, catalogue: Catalogue) -> None:
        """Refuses what cannot be.

        Args:
            catalogue: the tasks that there are; the new one must have a name of its own.

        Raises:
            ConfigurationError: all that is wrong.
        """
        if problems := list(self._problems(catalogue)):
            raise ConfigurationError("\n".join(problems))

    def _problems(self, catalogue: Catalogue) -> Iterator[str]:
        if not NAME.fullmatch(self.name):
            yield (
                f"--name: expected a lower case letter, then lower case letters, digits and underscores, found "
                f"{self.name!r}. Without --name it is the last part of --output."
            )
        if taken := next((entry.file for entry in catalogue.entries if self.name in entry.names), None):
            yield f"--name: {self.name!r} is the name of the task {taken}. Take another."
        names = [name for name, _ in self.splits]
        wrong = [name for name in names if not NAME.fullmatch(name)]
        if len(names) < 2 or wrong or len(set(names)) < len(names) or min(share for _, share in self.splits) < 1:
            found = ",".join(f"{name}:{share}" for name, share in self.splits)
            yield (
                "--splits: expected two different names in small letters or more, each with a share of at least 1, "
                f"train:8,val:1,test:1 for example; found {found}."
            )
        if self.block is not None and self.block < self.tiling.side:
            yield f"--block: expected the tile's side, {self.tiling.side}, or more, found {self.block}."

    def plain(self) -> Mapping[str, Any]:
        """Returns the settings as JSON has them."""
        return asdict(self)


def name_of(output: Path) -> str:
    """Returns the name that a folder gives to its data.

    >>> name_of(Path("data/Harbour-2024"))
    'harbour_2024'
    """
    return re.sub(r"\W", "_", output.absolute().name.lower(), flags=re.ASCII)
