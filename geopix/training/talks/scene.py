"""What a data set knows of an image, in the terms that templates use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from geopix.boxes import format_box
from harness.boxes import Frame, convert
from harness.errors import DataError, SampleError
from harness.images import image_size
from harness.masks import box_of, checked
from harness.records import Box, Mask, Sample

UNNAMED = ("", "unknown")


@dataclass(frozen=True)
class Fact:
    """One thing that is known of an image.

    Attributes:
        id: the sample that says it.
        capability: what kind of answer its task wants: segment, caption, vqa and so on.
        target: what it is about, in words: the sample's expression, or its category; "" where it has neither.
        category: the category's name; "" where it has none.
        fields: the sample's own fields.
        texts: its right answers in words.
        masks: its masks.
        boxes: its boxes, or those around its masks, as GeoPix speaks them.
    """

    id: str
    capability: str
    target: str
    category: str
    fields: Mapping[str, str]
    texts: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    boxes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """All that is known of an image.

    Attributes:
        facts: what is there, in the data set's order.
        absent: categories of the data set that nothing of this image belongs to.
    """

    facts: tuple[Fact, ...]
    absent: tuple[str, ...] = ()


def scenes(by_image: Mapping[str, Sequence[Sample]], capability: str, frame: Frame) -> Iterator[tuple[str, Scene]]:
    """Yields what is known of each image, by the image's id.

    Args:
        by_image: the samples of each image.
        capability: what kind of answer their task wants.
        frame: what the numbers of their boxes count.

    Raises:
        DataError: a box or its image cannot be read.
    """
    known = sorted({fact_category(sample) for samples in by_image.values() for sample in samples} - {""})
    for image_id, samples in by_image.items():
        here = {fact_category(sample) for sample in samples}
        facts = tuple(_fact(sample, capability, frame) for sample in samples)
        yield image_id, Scene(facts, tuple(name for name in known if name not in here))


def fact_category(sample: Sample) -> str:
    """Returns the name of a sample's category; "" where it has none."""
    name = sample.tags.get("category", "")
    return "" if name in UNNAMED else name


def _fact(sample: Sample, capability: str, frame: Frame) -> Fact:
    category = fact_category(sample)
    return Fact(
        id=sample.id,
        capability=capability,
        target=sample.fields.get("expression", category).strip().removesuffix("."),
        category=category,
        fields=sample.fields,
        texts=sample.target.texts,
        masks=sample.target.masks,
        boxes=tuple(spoken_boxes(sample, frame)),
    )


def spoken_boxes(sample: Sample, frame: Frame) -> Iterator[str]:
    """Yields a sample's boxes, or those around its masks, as GeoPix speaks them: `{<x0><y0><x1><y1>}`, hundredths.

    Raises:
        DataError: a box or its image cannot be read.
    """
    try:
        for box in sample.target.boxes:
            yield _spoken(box, frame, None if frame == "0-100" else image_size(sample.images[0]))
        if not sample.target.boxes:
            for mask in sample.target.masks:
                if (around := box_of(checked(mask))) is not None:
                    yield _spoken(around, "pixels", mask.size)
    except SampleError as error:
        raise DataError(f"sample {sample.id}: {error}") from error


def _spoken(box: Box, frame: Frame, size: tuple[int, int] | None) -> str:
    return format_box(convert(box, frame, "0-100", size), width=100, height=100)
