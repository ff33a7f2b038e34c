"""Writes the data sets of scene classification: a folder for each class, named as theirs, one image a scene.

A scene's class is its theme, as near as the data set has one. There are no splits: all images lie in the one tree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from geopix.earth.files import write_jpeg
from geopix.earth.picture import Picture
from geopix.earth.themes import THEMES


def _classes(names: str) -> Mapping[str, str]:
    """The classes of the themes, in the themes' order."""
    return dict(zip(THEMES, names.split(), strict=True))


@dataclass(frozen=True)
class SceneFolders:
    """The layout of one data set.

    Attributes:
        folder: the folder of the classes.
        classes: each theme's class.
        name: an image's name, a format of its class and number; the ending says how it is written.
    """

    folder: str
    classes: Mapping[str, str]
    name: str

    def write_picture(self, root: Path, picture: Picture) -> None:
        """Writes the image."""
        name = self.classes[picture.scene.theme]
        path = root / self.folder / name / self.name.format(name=name, lower=name.lower(), number=picture.image_id)
        if path.suffix == ".jpg":
            write_jpeg(path, picture.scene.image)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.scene.image).save(path, "TIFF", compression="tiff_lzw")

    def samples(self, row: None) -> int:
        """Counts the image."""
        return 1

    def write_tables(self, root: Path, rows: Sequence[tuple[str, None]]) -> None:
        """There are no tables."""


# In the order of the themes: suburb, industry, sports, port, coast, river, airfield, farm, wild.
SCENE_FOLDERS: Mapping[str, SceneFolders] = {
    "aid": SceneFolders(
        "AID",
        _classes("MediumResidential Industrial Playground Port Beach River Airport Farmland Forest"),
        "{lower}_{number}.jpg",
    ),
    "ucmerced": SceneFolders(
        "UCMerced_LandUse/Images",
        _classes("mediumresidential buildings tenniscourt harbor beach river runway agricultural forest"),
        "{name}{number:02d}.tif",
    ),
    "resisc45": SceneFolders(
        "NWPU-RESISC45",
        _classes(
            "medium_residential industrial_area tennis_court harbor beach river airport rectangular_farmland forest"
        ),
        "{name}_{number:03d}.jpg",
    ),
    "whu_rs19": SceneFolders(
        "WHU-RS19",
        _classes("Residential Industrial footballField Port Beach River Airport Farmland Forest"),
        "{name}_{number:02d}.jpg",
    ),
    "eurosat": SceneFolders(
        "2750",
        _classes("Residential Industrial Residential Industrial SeaLake River Highway AnnualCrop Forest"),
        "{name}_{number}.jpg",
    ),
}
