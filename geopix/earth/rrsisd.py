"""Writes RRSIS-D's files: a pickle of references, one of COCO instances in JSON, and one JPEG an image.

The layout is that of the published data (Liu et al., RMSIN, CVPR 2024): all splits in one pickle, one sentence a
reference (more when asked for, as RefCOCO has), each mask a one-element list with a compressed run-length code.
"""

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as run_length

from geopix.earth.phrases import RRSISD_CATEGORIES, RRSISD_NAMES
from geopix.earth.picture import Picture

Row = dict[str, Any]
FOLDER = "rrsisd"
MOST_INSTANCES = 32  # ids leave room for so many an image, so that more images never change an id
OTHER_SENTENCES = 10**7  # a reference's second sentence has its first one's id and this, its third twice this, ..


@dataclass(frozen=True)
class ReferredInstance:
    """One referred instance: its place among the image's instances, its expressions, its coded mask."""

    position: int
    category: str
    expressions: tuple[str, ...]
    counts: str
    area: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class ReferredImage:
    """What RRSIS-D's files say of one image."""

    image_id: int
    split: str
    size: int
    references: tuple[ReferredInstance, ...]


class RrsisD:
    """RRSIS-D's layout."""

    def write_picture(self, root: Path, picture: Picture) -> ReferredImage:
        """Writes the image."""
        write_jpeg(root, picture.image_id, picture.scene.image)
        return ReferredImage(picture.image_id, picture.split, picture.size, referred(picture))

    def samples(self, row: ReferredImage) -> int:
        """Counts the expressions."""
        return sum(len(reference.expressions) for reference in row.references)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, ReferredImage]]) -> None:
        """Writes all splits' references and masks."""
        write_rrsisd(root, [row for _, row in rows])


def referred(picture: Picture) -> tuple[ReferredInstance, ...]:
    """Returns the instances that a picture's references name, each with all of its expressions."""
    said: dict[int, list[str]] = {}
    for reference in picture.references:
        said.setdefault(reference.instance, []).append(reference.expression)
    return tuple(
        ReferredInstance(
            index, instance.category, tuple(dict.fromkeys(texts)), coded(instance.mask), int(instance.mask.sum()),
            instance.box,
        )
        for index, texts in said.items()
        for instance in [picture.scene.instances[index]]
    )  # fmt: skip


def coded(mask: NDArray[np.bool_]) -> str:
    """Returns COCO's compressed run-length code of bool[H, W] as text."""
    counts: bytes = run_length.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    return counts.decode("ascii")


def file_name(image_id: int) -> str:
    """Returns an image's name in RRSIS-D's way.

    >>> file_name(7)
    '00007.jpg'
    """
    return f"{image_id:05d}.jpg"


def write_jpeg(root: Path, image_id: int, image: NDArray[np.uint8]) -> None:
    """Writes `images/rrsisd/JPEGImages/{image_id:05d}.jpg`."""
    folder = root / FOLDER / "images" / "rrsisd" / "JPEGImages"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / file_name(image_id), quality=94, subsampling=0)


def write_rrsisd(root: Path, images: Sequence[ReferredImage]) -> None:
    """Writes `rrsisd/refs(unc).p` and `rrsisd/instances.json` below the data set's folder, all splits together."""
    folder = root / FOLDER / "rrsisd"
    folder.mkdir(parents=True, exist_ok=True)
    references = [_reference_row(image, reference) for image in images for reference in image.references]
    # Through JSON, so that which strings are one object, which a pickle records, does not depend on the workers.
    plain = json.loads(json.dumps(references))
    (folder / "refs(unc).p").write_bytes(pickle.dumps(plain, protocol=2))
    instances = {
        "info": {"description": "Mini Earth: drawn scenes in the layout of RRSIS-D"},
        "licenses": [],
        "images": [
            {"file_name": file_name(image.image_id), "height": image.size, "width": image.size, "id": image.image_id}
            for image in images
        ],
        "annotations": [_annotation_row(image, reference) for image in images for reference in image.references],
        "categories": [
            {"id": number, "name": name, "supercategory": ""} for number, name in enumerate(RRSISD_CATEGORIES, start=1)
        ],
    }
    (folder / "instances.json").write_text(json.dumps(instances), "utf-8")


def _identity(image: ReferredImage, reference: ReferredInstance) -> int:
    return image.image_id * MOST_INSTANCES + reference.position


def _reference_row(image: ReferredImage, reference: ReferredInstance) -> Row:
    number = _identity(image, reference)
    sentences = [
        {"tokens": text.split(), "raw": text, "sent_id": number + place * OTHER_SENTENCES, "sent": text}
        for place, text in enumerate(reference.expressions)
    ]
    return {
        "image_id": image.image_id,
        "split": image.split,
        "sentences": sentences,
        "file_name": file_name(image.image_id),
        "category_id": RRSISD_NAMES[reference.category][0],
        "ann_id": number,
        "sent_ids": [sentence["sent_id"] for sentence in sentences],
        "ref_id": number,
    }


def _annotation_row(image: ReferredImage, reference: ReferredInstance) -> Row:
    x0, y0, x1, y1 = reference.box
    return {
        "id": _identity(image, reference),
        "image_id": image.image_id,
        "category_id": RRSISD_NAMES[reference.category][0],
        "segmentation": [{"size": [image.size, image.size], "counts": reference.counts}],
        "area": float(reference.area),
        "bbox": [float(x0), float(y0), float(x1 - x0), float(y1 - y0)],
        "iscrowd": 0,
    }
