"""Which of how many processes this one is: typed, or told by torchrun, accelerate or SLURM."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.errors import ConfigurationError

CARDS = "CUDA_VISIBLE_DEVICES"
#: Whoever starts processes tells them: which one it is, how many there are, which one on its machine it is.
LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),  # torchrun and accelerate
    # srun. SLURM_NTASKS also stands in the environment of a batch script, which is one process, whatever it says.
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
)
_TYPED = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Shard:
    """One of several processes that answer a task's questions together; each needs to know nothing else of the others.

    Attributes:
        index: which one, from 0.
        count: how many there are.
        local: which one on its own machine, where that is known.
    """

    index: int = 0
    count: int = 1
    local: int | None = None

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.count == 1

    @property
    def first(self) -> bool:
        """Whether this process shows the progress of all."""
        return self.index == 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the shard that was typed, counted from 1.

        >>> Shard.parse("3/16")
        Shard(index=2, count=16, local=None)

        Raises:
            ConfigurationError: it is not two whole numbers, the first from 1 to the second.
        """
        found = _TYPED.fullmatch(text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigurationError(f"--shard: expected 1/16 to 16/16, say, for one of 16 processes; found {text!r}.")
        return cls(int(found[1]) - 1, int(found[2]))

    @classmethod
    def told(cls, environment: Mapping[str, str]) -> Self:
        """Returns the shard that whoever started this process has put into its environment; alone where nobody has.

        >>> Shard.told({"RANK": "2", "WORLD_SIZE": "8", "LOCAL_RANK": "2"})
        Shard(index=2, count=8, local=2)
        >>> Shard.told({})
        Shard(index=0, count=1, local=None)

        Raises:
            ConfigurationError: the environment contradicts itself.
        """
        for rank, size, local in LAUNCHERS:
            if rank in environment and size in environment:
                return cls._of(environment, rank, size, local)
        return cls()

    @classmethod
    def _of(cls, environment: Mapping[str, str], rank: str, size: str, local: str) -> Self:
        told = {name: environment[name] for name in (rank, size, local) if name in environment}
        if not all(value.isdecimal() for value in told.values()) or not int(told[rank]) < int(told[size]):
            words = ", ".join(f"{name}={value}" for name, value in told.items())
            raise ConfigurationError(
                f"the environment says {words}, which is no process among several. Name it with --shard 1/8, or say "
                "--shard 1/1 for a process of its own."
            )
        return cls(int(told[rank]), int(told[size]), int(told[local]) if local in told else None)


ALONE = Shard()


def card_of(shard: Shard, environment: Mapping[str, str], devices: Path = Path("/dev")) -> str | None:
    """Returns the one graphics card that this process should see, as a value of CUDA_VISIBLE_DEVICES.

    The processes of a machine take its cards in turns. None where there is nothing to choose: a process of its own, one
    that does not know its place on its machine, a machine without cards.

    Args:
        shard: this process.
        environment: its environment; cards that are hidden from it already stay hidden.
        devices: where the machine's cards are found, as nvidia0, nvidia1, ..

    >>> card_of(Shard(5, 8, local=1), {"CUDA_VISIBLE_DEVICES": "4,6"})
    '6'
    """
    if shard.alone or shard.local is None:
        return None
    if CARDS in environment:
        cards = [card for card in environment[CARDS].split(",") if card.strip()]
    else:
        found = (re.fullmatch(r"nvidia(\d+)", device.name) for device in devices.glob("nvidia*"))
        cards = [str(number) for number in range(sum(match is not None for match in found))]
    return cards[shard.local % len(cards)] if cards else None
