"""Land-cover maps in LoveDA's layout."""

from pathlib import Path

import numpy as np
from PIL import Image

from geopix.earth.loveda import CLASSES, class_map
from geopix.earth.make import make_earth
from geopix.earth.scene import Scene


def test_every_instance_and_cover_has_its_number(scenes: list[Scene]) -> None:
    for scene in scenes:
        numbers = class_map(scene)
        assert numbers.min() >= 1
        for instance in scene.instances:
            assert set(np.unique(numbers[instance.mask])) == {CLASSES.index(instance.category)}
        covered = np.zeros(numbers.shape, dtype=bool)
        for name, cover in scene.covers.items():
            assert (numbers[cover] == CLASSES.index(name)).all()
            covered |= cover
        for instance in scene.instances:
            covered |= instance.mask
        assert (numbers[~covered] == CLASSES.index("background")).all()


def test_the_layout_is_loveda_s(tmp_path: Path, shared: Path) -> None:
    make_earth(tmp_path / "earth", seed=1, images=3, size=96, splits=(("train", 2), ("test", 1)), formats=("loveda",))
    made = sorted(path.relative_to(tmp_path / "earth/LoveDA") for path in (tmp_path / "earth/LoveDA").rglob("*.png"))
    real = shared / "data/layouts/loveda"
    shapes = {path.relative_to(real).parent.as_posix() for path in real.rglob("*.png")}
    shapes |= {shape.replace("images", "masks") for shape in shapes}  # LoveDA keeps the test split's maps to itself
    assert {path.parent.as_posix() for path in made} <= shapes
    assert len(made) == 6


def test_image_and_map_have_one_size(tmp_path: Path) -> None:
    make_earth(tmp_path / "earth", seed=1, images=1, size=96, splits=(("train", 1),), formats=("loveda",))
    image, classes = (next((tmp_path / "earth").rglob(f"{name}/1.png")) for name in ("images_png", "masks_png"))
    with Image.open(image) as picture, Image.open(classes) as numbers:
        assert (picture.size, picture.mode) == ((96, 96), "RGB")
        assert (numbers.size, numbers.mode) == ((96, 96), "L")
