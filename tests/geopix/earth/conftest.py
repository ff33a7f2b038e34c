"""A few scenes and one small Mini Earth that the tests share."""

from pathlib import Path

import pytest

from geopix.earth.make import Summary, make_earth
from geopix.earth.scene import Scene, make_scene


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    return [make_scene(seed, 160) for seed in (2, 6, 11, 104, 109, 115)]


@pytest.fixture(scope="session")
def small_earth(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    directory: Path = tmp_path_factory.mktemp("earth") / "set"
    return make_earth(directory, seed=3, images=6, size=128, splits=(("train", 4), ("val", 1), ("test", 1)))
