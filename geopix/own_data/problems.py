"""What is wrong with the rasters and polygons that were given: all of it told at once, or left out and counted."""

from dataclasses import dataclass, field
from typing import Literal

from harness.errors import DataError

SHOWN = 20
Policy = Literal["stop", "skip"]


@dataclass
class Problems:
    """The rasters and polygons that cannot be used, in the order in which they were found.

    Attributes:
        found: for each its name and the reason.
    """

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        """Notes that a raster or a polygon cannot be used."""
        self.found.append((name, reason))

    def settle(self, policy: Policy) -> None:
        """Goes on where nothing is wrong, or what is wrong may be left out.

        Raises:
            DataError: something is wrong and the policy is to stop: the first twenty, and how many more there are.
        """
        if self.found and policy == "stop":
            count = len(self.found)
            more = [f"and {count - SHOWN} more"] if count > SHOWN else []
            lines = [f"{name}: {reason}" for name, reason in self.found[:SHOWN]]
            raise DataError(
                "\n".join(
                    [
                        f"{count} raster{'s or polygons' if count > 1 else ' or polygon'} cannot be used:",
                        *lines,
                        *more,
                        "Mend them, or leave them out with --defects skip.",
                    ]
                )
            )
