"""What the readers of captions share: the sample that a row makes, and what to say of an absent split."""

from collections.abc import Iterable, Mapping

from harness.readers.gallery import Gallery
from harness.records import Sample, Target


def caption_sample(
    name: str,
    references: tuple[str, ...],
    gallery: Gallery,
    *,
    tags: Mapping[str, str],
    file: str = "",
    place: str = "",
) -> Sample:
    """Returns the sample of one image; its id is the image's name.

    An image without a reference that has a word, or without its file, makes a defect.

    Args:
        name: the image, as the data set calls it.
        references: its captions, as written.
        gallery: the folder where it is looked for.
        tags: the sample's tags.
        file: the image below that folder; its name where empty.
        place: where it stands in the data set's table, for the defect.
    """
    found = gallery.find(name, file or name)
    wordless = not any(text.strip() for text in references)
    defect = f"{place}: image {name} has no caption" if wordless else found.defect
    return Sample(
        id=name,
        images=found.images,
        fields={},
        target=Target(texts=references),
        tags=tags,
        defect=defect,
    )


def no_split(split: str, splits: Iterable[str]) -> str:
    """Says that a file has no image of a split, and which it has."""
    known = ", ".join(sorted(set(splits))) or "none"
    return f"no image is of the split {split!r}. Splits there: {known}. Name one as `split` in the task's `dataset`"
