"""Writes DIOR-RSVG's files: one XML file and one JPEG an image, and lists of running object numbers as splits.

The layout is that of the published data (Zhan et al., IEEE TGRS 2023; ZhanYang-nwpu/RSVG-pytorch): an object's children
are its name, its pose, its box and its description, in this order. A split's list holds no image names but numbers that
count the objects of all files, sorted by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from PIL import Image

from geopix.earth.phrases import RRSISD_NAMES
from geopix.earth.picture import Picture, of_split
from geopix.earth.scene import Instance

FOLDER = "DIOR_RSVG"


@dataclass(frozen=True)
class DescribedImage:
    """An image's number and how many objects its XML file describes."""

    image_id: int
    objects: int


class DiorRsvg:
    """DIOR-RSVG's layout."""

    def write_picture(self, root: Path, picture: Picture) -> DescribedImage:
        """Writes the image and its XML file."""
        images, annotations = root / FOLDER / "JPEGImages", root / FOLDER / "Annotations"
        for folder in (images, annotations):
            folder.mkdir(parents=True, exist_ok=True)
        name = f"{picture.image_id:05d}"
        Image.fromarray(picture.scene.image).save(images / f"{name}.jpg", quality=94, subsampling=0)
        (annotations / f"{name}.xml").write_bytes(tostring(_tree(picture, f"{name}.jpg"), "utf-8"))
        return DescribedImage(picture.image_id, len(picture.references))

    def samples(self, row: DescribedImage) -> int:
        """Counts the described objects."""
        return row.objects

    def write_tables(self, root: Path, rows: Sequence[tuple[str, DescribedImage]]) -> None:
        """Writes `{split}.txt`: the numbers of the split's objects among all, by the images' names."""
        first, number = {}, 0
        for _, row in sorted(rows, key=lambda pair: f"{pair[1].image_id:05d}.xml"):
            first[row.image_id] = number
            number += row.objects
        for split, images in of_split(rows).items():
            numbers = sorted(first[row.image_id] + index for row in images for index in range(row.objects))
            (root / FOLDER / f"{split}.txt").write_text("".join(f"{number}\n" for number in numbers), "utf-8")


def _tree(picture: Picture, file_name: str) -> Element:
    tree = Element("annotation")
    SubElement(tree, "filename").text = file_name
    SubElement(SubElement(tree, "source"), "database").text = "Mini Earth"
    size = SubElement(tree, "size")
    for side, value in {"width": picture.size, "height": picture.size, "depth": 3}.items():
        SubElement(size, side).text = str(value)
    SubElement(tree, "segmented").text = "0"
    for reference in picture.references:
        _add_object(tree, picture.scene.instances[reference.instance], reference.expression)
    return tree


def _add_object(tree: Element, instance: Instance, expression: str) -> None:
    found = SubElement(tree, "object")
    SubElement(found, "name").text = RRSISD_NAMES[instance.category][1]
    SubElement(found, "pose").text = "Unspecified"
    box = SubElement(found, "bndbox")
    for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), instance.box, strict=True):
        SubElement(box, corner).text = str(value)
    SubElement(found, "description").text = expression
