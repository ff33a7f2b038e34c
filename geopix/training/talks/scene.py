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
        absent: what is not there, by name: what the data set asks for in vain, where it does so at all; else categories
            of the data set that nothing of this image belongs to.
    """

    facts: tuple[Fact, ...]
    absent: tuple[str, ...] = ()


def scenes(by_image: Mapping[str, Sequence[Sample]], capability: str, frame: Frame) -> Iterator[tuple[str, Scene]]:
    """Yields what is known of each image, by the image's id.

    A sample without a target is no fact; it says what is absent.

    Args:
        by_image: the samples of each image.
        capability: what kind of answer their task wants.
        frame: what the numbers of their boxes count.

    Raises:
        DataError: a box or its image cannot be read.
    """
    everything = [sample for samples in by_image.values() for sample in samples]
    known = sorted({fact_category(sample) for sample in everything if not without_target(sample)} - {""})
    said = any(map(without_target, everything))
    for image_id, samples in by_image.items():
        missing = [sample for sample in samples if without_target(sample)]
        there = [sample for sample in samples if not without_target(sample)]
        here = {fact_category(sample) for sample in there}
        absent = filter(None, map(_expression, missing)) if said else (name for name in known if name not in here)
        yield image_id, Scene(tuple(_fact(sample, capability, frame) for sample in there), tuple(absent))


def without_target(sample: Sample) -> bool:
    """Says whether a sample asks for what is not in its image: a generalised reference, or EarthReason's."""
    return sample.tags.get("targets") == "0" or sample.tags.get("empty") == "yes"


def _expression(sample: Sample) -> str:
    """What a sample asks for, in words: its expression, or else its category."""
    return sample.fields.get("expression", fact_category(sample)).strip().removesuffix(".")


def fact_category(sample: Sample) -> str:
    """Returns the name of a sample's category; "" where it has none."""
    name = sample.tags.get("category", "")
    return "" if name in UNNAMED else name


def _fact(sample: Sample, capability: str, frame: Frame) -> Fact:
    category = fact_category(sample)
    return Fact(
        id=sample.id,
        capability=capability,
        target=_expression(sample),
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
