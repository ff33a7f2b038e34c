"""RSVQA's files (Lobry et al., TGRS 2020): questions, answers and images in three JSON files, pictures in a folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.errors import ConfigurationError, nearest
from harness.paths import below
from harness.readers.gallery import Gallery
from harness.readers.tables import Problems, Row, Shape, describe, load, rows
from harness.records import Sample, Target

SHAPES = {
    "questions": Shape(id=(int, str), img_id=(int, str), type=(str,), question=(str,), answers_ids=(list,)),
    "answers": Shape(id=(int, str), answer=(str, int)),
    "images": Shape(id=(int, str)),
}


@dataclass(frozen=True)
class RsvqaReader:
    """Reads one split of RSVQA-LR, RSVQA-HR, or data in their format.

    The files are `{prefix}_questions.json`, `{prefix}_answers.json` and `{prefix}_images.json`. Rows whose `active` is
    false belong to another split and are skipped. A question's answer is the first of its `answers_ids`.

    Samples have the field `question`, the tag `type`, the question's id and its image's `img_id`. A question without
    an active answer, an active image row or an image file is given with a `defect`.

    Attributes:
        prefix: how the split's files begin, `USGS_split_test` or `LR_split_test` for example.
        images: the folder of the images.
        extensions: endings of the image files, tried in this order.
        types: only questions of these types; all where empty.
    """

    prefix: str
    images: str = "Data"
    extensions: Sequence[str] = ("tif", "png")
    types: Sequence[str] = ()

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the split's questions in the file's order.

        Raises:
            MissingDataError: a file or the folder of images is absent.
            DataError: rows contradict the format; all that a file has wrong, by index and field.
            ConfigurationError: no question is of one of the wanted types.
        """
        questions = self._active(root, "questions")
        answers = {row["id"]: _target(str(row["answer"])) for _, row in self._active(root, "answers")}
        images = {row["id"] for _, row in self._active(root, "images")}
        self._check_types({row["type"] for _, row in questions})
        gallery = Gallery(root, self.images, self.extensions)
        for index, row in questions:
            if not self.types or row["type"] in self.types:
                yield self._sample(index, row, answers, images, gallery)

    def _sample(
        self, index: int, row: Row, answers: Mapping[int | str, Target], images: set[int | str], gallery: Gallery
    ) -> Sample:
        answer_id, image_id = row["answers_ids"][0], row["img_id"]
        target = answers.get(answer_id)
        name = str(image_id)
        found = gallery.find(name, name)
        defect = found.defect
        if target is None:
            defect = self._defect(index, f"its answer {answer_id} has no active row in {self.prefix}_answers.json")
        elif image_id not in images:
            defect = self._defect(index, f"its image {image_id} has no active row in {self.prefix}_images.json")
        return Sample(
            id=str(row["id"]),
            images=found.images,
            fields={"question": row["question"]},
            target=target or Target(),
            tags={"type": row["type"]},
            defect=defect,
        )

    def _defect(self, index: int, reason: str) -> str:
        return f"{self.prefix}_questions.json: questions[{index}]: {reason}"

    def _active(self, root: Path, kind: str) -> list[tuple[int, Row]]:
        """The active rows of one of the three files, each with its index in the file."""
        names = {other: f"{self.prefix}_{other}.json" for other in SHAPES}
        path = below(root, names[kind])
        problems = Problems(path)
        shape = SHAPES[kind]
        found = []
        seen: dict[int | str, int] = {}
        for index, row in enumerate(rows(load(path, f"the split's {kind}", names.values()), kind, problems)):
            if type(row) is dict and row.get("active") is False:
                continue
            place = f"{kind}[{index}]"
            if shape.fits(row, place, problems) and _consistent(row, place, problems):
                if seen.setdefault(row["id"], index) != index:
                    problems.add(f"{place}.id", f"{row['id']} is the id of {kind}[{seen[row['id']]}] already")
                found.append((index, row))
        problems.settle()
        return found

    def _check_types(self, present: set[str]) -> None:
        for wanted in self.types:
            if wanted not in present:
                raise ConfigurationError(
                    f"no question of {self.prefix}_questions.json is of type {wanted!r}.{nearest(wanted, present)} "
                    f"Types there: {', '.join(sorted(present)) or 'none'}."
                )


# A data set of a hundred thousand questions has a few hundred different answers.
@lru_cache(maxsize=4096)
def _target(answer: str) -> Target:
    return Target(texts=(answer,))


def _consistent(row: Row, place: str, problems: Problems) -> bool:
    """Notes what the fields' types alone do not tell."""
    active, answer_ids = row.get("active", True), row.get("answers_ids", [0])
    if type(active) is not bool:
        problems.add(f"{place}.active", f"expected true or false, found {describe(active)}")
    elif not answer_ids or type(answer_ids[0]) not in (int, str):
        first = describe(answer_ids[0]) if answer_ids else "an empty list"
        problems.add(f"{place}.answers_ids", f"expected at least one answer's id, found {first}")
    else:
        return True
    return False
