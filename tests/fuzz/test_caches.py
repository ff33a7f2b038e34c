"""Damaged files of kept answers and verdicts: what was kept, nothing, or the documented error; never another answer."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import orjson
import pytest

from harness.cache.responses import ResponseCache
from harness.errors import GeoPixError
from harness.judges.cache import VerdictCache
from harness.records import Inquiry, Mask, Response, Verdict
from tests.fuzz.mutation import damage, damage_json
from tests.fuzz.tries import many_seeds

KEPT = {
    f"{number:064x}": Response(f"answer {number}", (Mask((30, 40), "`U1"),), ((1, 2, 3, 4),), tokens=number)
    for number in range(20)
}
VERDICTS = {Inquiry(f"Is {number} right?"): Verdict(f"{number}", {"1": 0.5}, "m") for number in range(20)}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cache") / "answers.sqlite"
    with ResponseCache(file, print) as cache:
        cache.keep("m", "d", KEPT)
    return file


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cache") / "verdicts.sqlite"
    with VerdictCache(file) as cache:
        for inquiry, verdict in VERDICTS.items():
            cache.keep("j", inquiry, verdict)
    return file


def with_odd_entry(file: Path, table: str, column: str, good: bytes, random: Random) -> None:
    """Puts something else into one entry of a whole database."""
    odd = random.choice([damage_json(good, random), damage(good, random), 3, "x", 1.5])
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"UPDATE {table} SET {column} = ? WHERE substr(key, -1) < '8'", (odd,))


@many_seeds
def test_damaged_answers(seed: int, answers: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    random, file = Random(seed), tmp_path_factory.mktemp("cache") / "answers.sqlite"
    file.write_bytes(answers.read_bytes())
    if random.random() < 0.4:
        with_odd_entry(file, "responses", random.choice(["response", "seal"]), orjson.dumps(KEPT[f"{1:064x}"]), random)
    else:
        file.write_bytes(damage(answers.read_bytes(), random))
    told: list[str] = []
    with suppress(GeoPixError), ResponseCache(file, told.append) as cache:
        found = cache.find(list(KEPT))
        assert all(KEPT[key] == response for key, response in found.items())
        cache.stock()
        cache.keep("m", "d", KEPT)
        assert cache.find(list(KEPT)) == KEPT or told


@many_seeds
def test_damaged_verdicts(seed: int, verdicts: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    random, file = Random(seed), tmp_path_factory.mktemp("cache") / "verdicts.sqlite"
    file.write_bytes(verdicts.read_bytes())
    if random.random() < 0.4:
        good = orjson.dumps(next(iter(VERDICTS.values())))
        with_odd_entry(file, "verdicts", random.choice(["verdict", "inquiry"]), good, random)
    else:
        file.write_bytes(damage(verdicts.read_bytes(), random))
    with suppress(GeoPixError), VerdictCache(file) as cache:
        for inquiry, verdict in VERDICTS.items():
            assert isinstance(cache.find("j", inquiry), Verdict | None)
            cache.keep("j", inquiry, verdict)
            assert cache.find("j", inquiry) == verdict
