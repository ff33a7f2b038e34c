"""Which of how many processes this one is, and which card it sees."""

from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.processes.shards import ALONE, Shard, card_of


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "1/4/2", "-1/4", "1.5/4", ""])
def test_a_shard_is_one_of_several_from_1_on(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--shard: expected 1/16 to 16/16, say, for one of 16"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({}, ALONE),
        ({"WORLD_SIZE": "8"}, ALONE),
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, Shard(0, 1, 0)),
        ({"RANK": "9", "WORLD_SIZE": "16", "LOCAL_RANK": "1"}, Shard(9, 16, 1)),
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "1"}, Shard(3, 4, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}, ALONE),  # a batch script without srun
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, Shard(1, 2)),
    ],
)
def test_whoever_starts_processes_tells_them(environment: dict[str, str], shard: Shard) -> None:
    assert Shard.told(environment) == shard


@pytest.mark.parametrize(
    "environment", [{"RANK": "2", "WORLD_SIZE": "2"}, {"RANK": "", "WORLD_SIZE": "2"}, {"RANK": "0", "WORLD_SIZE": "x"}]
)
def test_an_environment_that_contradicts_itself_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"the environment says RANK=.*, WORLD_SIZE=.*, which is no process"):
        Shard.told(environment)


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("shard", "environment", "card"),
    [
        (Shard(0, 4, 0), {}, "0"),
        (Shard(3, 4, 3), {}, "1"),
        (Shard(3, 4, 1), {"CUDA_VISIBLE_DEVICES": "5,7"}, "7"),
        (Shard(3, 4, 1), {"CUDA_VISIBLE_DEVICES": "MIG-a"}, "MIG-a"),
        (Shard(3, 4, 1), {"CUDA_VISIBLE_DEVICES": ""}, None),
        (Shard(3, 4), {}, None),
        (Shard(0, 1, 0), {}, None),
    ],
)
def test_the_processes_of_a_machine_take_its_cards_in_turns(
    shard: Shard, environment: dict[str, str], card: str | None, devices: Path
) -> None:
    assert card_of(shard, environment, devices) == card


def test_a_machine_without_cards_has_none_to_choose(tmp_path: Path) -> None:
    assert card_of(Shard(0, 4, 0), {}, tmp_path) is None
