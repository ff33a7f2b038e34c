"""DRSeg: questions about drone images that take reasoning, and the polygons that answer them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import SampleError
from harness.masks import area, from_polygons, union
from harness.parsers.text import without_thoughts
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.segmentations import size_class
from harness.readers.tables import Problems, Row, Shape, load_list
from harness.records import Mask, Sample, Target

ENTRY = Shape(id=(str, int), height=(int,), width=(int,), ann_list=(list,), questions=(list,))


@dataclass(frozen=True)
class DrsegReader:
    """Reads one split of DRSeg (Ke et al., PixDLM, CVPR 2026).

    `{labels}` is a list of entries, each with an image's id, its polygons, questions, answers and reasoning types. As
    in the authors' loader, the first question is asked; of a polygon in several parts the first is filled; and polygons
    of fewer than three corners, of no extent, or without a pixel are dropped. The authors' loader puts the next sample
    in the place of one without a polygon; here it has a `defect`.

    One sample is one entry: field `question`; the answer without the thoughts between <think> and </think>; one true
    mask a polygon; tags `type` (the first reasoning type, `unknown` without), `targets` and `size`.

    Attributes:
        split: the split, which stands in the names below as `{split}`.
        labels: the list's place.
        images: the folder of the images, `{id}.jpg`.
        parts: which parts of a polygon are filled: the `first`, as the authors do, or `all`.
    """

    split: str = "test"
    labels: str = "labels/DRSeg_{split}.json"
    images: str = "CODrone/DR{split}"
    parts: Literal["first", "all"] = "first"

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the entries in the list's order.

        Raises:
            MissingDataError: the list or the folder of images is absent.
            DataError: entries contradict the format; all that are wrong, by index and field.
        """
        entries = self._entries(below(root, self.labels.replace("{split}", self.split)))
        gallery = Gallery(root, self.images.replace("{split}", self.split), ("jpg",))
        for entry in entries:
            yield self._sample(entry, gallery)

    def _entries(self, path: Path) -> list[Row]:
        return load_list(path, "the questions and polygons of the split", _is_entry, of="entries")

    def _sample(self, entry: Row, gallery: Gallery) -> Sample:
        name = str(entry["id"])
        image = gallery.find(name, name)
        masks, defect = self._masks(entry)
        return Sample(
            id=name,
            images=image.images,
            fields={"question": entry["questions"][0]},
            target=Target(texts=_answer(entry), masks=masks),
            tags={
                "type": _type(entry.get("reasoning_types")),
                "targets": str(len(masks)),
                "size": size_class(union(masks)) if masks else "unknown",
            },
            defect=image.defect or defect,
        )

    def _masks(self, entry: Row) -> tuple[tuple[Mask, ...], str | None]:
        size = (entry["height"], entry["width"])
        try:
            filled = [self._filled(annotation, size) for annotation in entry["ann_list"]]
        except SampleError as error:
            return (), f"entry {entry['id']}: {error}"
        masks = tuple(mask for mask in filled if mask is not None and area(mask))
        return masks, None if masks else f"entry {entry['id']}: none of its {len(filled)} polygons has a pixel"

    def _filled(self, annotation: Any, size: tuple[int, int]) -> Mask | None:
        """The mask of an annotation; None where the authors' loader drops it."""
        parts = _parts(annotation)
        kept = [part for part in (parts if self.parts == "all" else parts[:1]) if len(part) >= 6 and _extends(part)]
        return union(from_polygons(size, kept)) if kept else None


def _is_entry(row: Any, place: str, problems: Problems) -> bool:
    if not ENTRY.fits(row, place, problems):
        return False
    if not row["questions"] or not isinstance(row["questions"][0], str):
        problems.add(f"{place}.questions", "expected a question first, found none")
        return False
    return True


def _parts(annotation: Any) -> list[list[float]]:
    """An annotation's polygon, which may be one list of numbers or a list of such lists."""
    found = annotation.get("segmentation") if isinstance(annotation, dict) else None
    if not isinstance(found, list):
        raise SampleError("an annotation has no list `segmentation`")
    parts = found if found and isinstance(found[0], list) else [found]
    if not all(isinstance(part, list) and all(type(value) in (int, float) for value in part) for part in parts):
        raise SampleError("an annotation's `segmentation` is no list of numbers, nor a list of such lists")
    return parts


def _extends(part: list[float]) -> bool:
    """Whether a polygon is more than one point repeated."""
    xs, ys = part[0::2], part[1::2]
    return max(xs) - min(xs) >= 1 or max(ys) - min(ys) >= 1


def _answer(entry: Row) -> tuple[str, ...]:
    answers = entry.get("answers")
    first = answers[0] if isinstance(answers, list) and answers else ""
    return (without_thoughts(first).strip(),) if isinstance(first, str) and first else ()


def _type(types: Any) -> str:
    first = types[0] if isinstance(types, list) and types else types
    return first if isinstance(first, str) and first else "unknown"
