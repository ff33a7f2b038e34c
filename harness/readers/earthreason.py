"""EarthReason: questions that take reasoning, some of which have nothing in the image as their answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.errors import DataError, SampleError
from harness.masks import area
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.mask_files import mask_at
from harness.readers.segmentations import size_class
from harness.readers.tables import missing
from harness.records import Mask, Sample, Target

NO_TARGET = "There is no target object in the image."
PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class EarthReasonReader:
    """Reads one split of EarthReason (Li et al., SegEarth-R1, 2025).

    `{split}/images` holds the images, `{split}/labels` a mask of the same stem as PNG, `{split}/QAs` the questions as
    JSON: `questions`, and `answer`, a list that is empty where there is no target. The authors' loader pairs the three
    folders' files in the order of their names, which is the same where stems agree; here a file without its partner is
    a `defect`. As in their evaluation the first question is asked.

    One sample is one image: its stem as id; fields `question`; the answers, or the authors' sentence where there is
    none; the mask, without a pixel where there is no target; tags `empty` (yes or no) and `size`.

    Attributes:
        split: the folder of the split.
    """

    split: str = "test"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the images in the order of their names.

        Raises:
            MissingDataError: a folder is absent.
            DataError: the folder of images holds none.
        """
        images, labels = Gallery(root, f"{self.split}/images"), Gallery(root, f"{self.split}/labels")
        questions = below(root, self.split, "QAs")
        if not questions.is_dir():
            raise missing(questions, "the folder of the questions")
        for name in _pictures(below(root, self.split, "images")):
            yield _sample(name, images, labels, questions)


def _pictures(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise missing(folder, "the folder of the data set's images")
    found = sorted(entry.name for entry in folder.iterdir() if entry.suffix.lower() in PICTURES)
    if not found:
        raise DataError(f"{folder} holds no image that ends in {', '.join(PICTURES)}.")
    return found


def _sample(name: str, images: Gallery, labels: Gallery, questions: Path) -> Sample:
    stem = Path(name).stem
    image = images.find(stem, name)
    try:
        asked, answers = _question(below(questions, f"{stem}.json"))
        mask: Mask | None = mask_at(labels, stem, f"{stem}.png")
        defect = image.defect
    except (SampleError, DataError) as error:
        asked, answers, mask, defect = "", (), None, f"image {stem}: {error}"
    return Sample(
        id=stem,
        images=image.images,
        fields={"question": asked},
        target=Target(texts=answers, masks=(mask,) if mask else ()),
        tags={"empty": _is_empty(mask), "size": _size(mask)},
        defect=defect,
    )


def _is_empty(mask: Mask | None) -> str:
    if mask is None:
        return "unknown"
    return "no" if area(mask) else "yes"


def _size(mask: Mask | None) -> str:
    if mask is None:
        return "unknown"
    return size_class(mask) if area(mask) else "none"


def _question(path: Path) -> tuple[str, tuple[str, ...]]:
    """The first question and its answers."""
    try:
        content: Any = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SampleError(f"its questions {path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise SampleError(f"its questions {path} are not valid JSON: {error}") from error
    asked, answers = (content.get("questions"), content.get("answer")) if isinstance(content, dict) else (None, None)
    if not _are_texts(asked) or not _are_texts(answers) or not asked:
        raise SampleError(f"{path} needs `questions`, a list of one text or more, and `answer`, a list of texts")
    return asked[0], tuple(answers or ()) or (NO_TARGET,)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
