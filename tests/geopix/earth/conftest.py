"""A few scenes and one small Mini Earth that the tests share."""

from pathlib import Path

import pytest

from geopix.earth.make import Summary, make_earth
from geopix.earth.scene import Scene, make_scene

PIXEL_FORMATS = (
    "rrsisd", "refsegrs", "risbench", "drseg", "earthreason", "lasers", "geopixinstruct", "geopixeld",
)  # fmt: skip


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    return [make_scene(seed, 160) for seed in (2, 6, 11, 104, 109, 115)]


@pytest.fixture(scope="session")
def small_earth(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    directory: Path = tmp_path_factory.mktemp("earth") / "set"
    return make_earth(directory, seed=3, images=6, size=128, splits=(("train", 4), ("val", 1), ("test", 1)))


@pytest.fixture(scope="session")
def pixel_earth(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Twelve scenes in the layouts of the benchmarks that ask for masks."""
    directory: Path = tmp_path_factory.mktemp("pixels") / "set"
    return make_earth(directory, seed=3, images=12, size=96, splits=(("test", 1),), formats=PIXEL_FORMATS)
