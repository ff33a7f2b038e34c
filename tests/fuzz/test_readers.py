"""Damaged data sets: each task's reader gives samples or the documented error, and no image outside the data set."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import pytest

from geopix.earth.layouts import LAYOUTS
from geopix.earth.make import make_earth
from harness.catalog import Catalogue, shipped
from harness.errors import GeoPixError
from harness.plugins import installed
from harness.preparation import data_root
from harness.spec import Task
from tests.fuzz.conftest import Watchman
from tests.fuzz.mutation import damage, damage_json
from tests.fuzz.tries import many_seeds

CATALOGUE = Catalogue([shipped("tasks")], installed())
NAMES = sorted(entry.name for entry in CATALOGUE.entries)
PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"}
MOST = 2_000_000


@cache
def task(name: str) -> Task:
    return CATALOGUE.task(name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mini Earth in every layout, four small images; a secret lies beside it."""
    place = tmp_path_factory.mktemp("data")
    (place / "secret.png").write_bytes(b"\x89PNG")
    splits = (("train", 1), ("val", 1), ("test", 2))
    make_earth(place / "earth", seed=11, images=4, size=96, splits=splits, formats=tuple(LAYOUTS))
    return place / "earth"


def telling_files(root: Path) -> list[Path]:
    """Files that say what is in the pictures, one of each folder and kind; the pictures where their folders say it."""
    kinds: dict[tuple[Path, str], Path] = {}
    for file in sorted(root.rglob("*")):
        if file.is_file() and file.suffix.lower() not in PICTURES and file.stat().st_size < MOST:
            kinds.setdefault((file.parent, file.suffix), file)
    return list(kinds.values()) or sorted(file for file in root.rglob("*") if file.suffix.lower() in PICTURES)


def samples_of(name: str, data: Path) -> int:
    root = data_root(task(name), data)
    inside = root.resolve()
    count = 0
    for sample in task(name).reader.samples(root):
        count += 1
        assert all(image.path.resolve().is_relative_to(inside) for image in sample.images)
        with suppress(GeoPixError):
            task(name).parser.target(sample)
    return count


@pytest.mark.parametrize("name", NAMES)
@many_seeds
def test_damaged_annotations(name: str, seed: int, data: Path, watchman: Watchman) -> None:
    random = Random(seed)
    file = random.choice(telling_files(data_root(task(name), data)))
    whole = file.read_bytes()
    as_json = file.suffix in (".json", ".jsonl") and random.random() < 0.75
    file.write_bytes(damage_json(whole, random) if as_json else damage(whole, random))
    try:
        with watchman.nothing_done(), suppress(GeoPixError):
            samples_of(name, data)
    finally:
        file.write_bytes(whole)
