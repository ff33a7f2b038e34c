"""After any number of kills every sample has one record, and the scores are those of a quiet run."""

from pathlib import Path

import pytest

from tests.faults.storm import Storm
from tests.harness.several_processes import Place

BETWEEN_ANSWERS = ("--model-option", "pause=0.01", "--previews", "3")


def quiet_files(place: Place) -> dict[str, bytes]:
    ((code, _, said),) = place.run("quiet", "--previews", "3")
    assert code == 0, said
    return place.files("quiet")


def weather(place: Place, kills: int, samples: int, seed: int) -> Storm:
    storm = Storm(place, "storm", seed, BETWEEN_ANSWERS)
    storm.rage(kills, samples)
    storm.calm()
    assert sum(storm.killed.values()) == kills
    ids = [record.sample_id for record in place.directory("storm").records("small")]
    assert ids == [str(number) for number in range(samples)], "each sample has one record, in the data set's order"
    assert place.files("storm") == quiet_files(place)
    return storm


def test_a_few_kills(tmp_path: Path) -> None:
    weather(Place(tmp_path, questions=200, images=50), kills=6, samples=200, seed=3)


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    storm = weather(Place(tmp_path, questions=2000, images=250), kills=200, samples=2000, seed=11)
    assert min(storm.killed["rank"], storm.killed["driver"]) > 20
    assert storm.launches > 50
