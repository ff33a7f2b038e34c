"""Writes RSIEval's files: one JSON file of captions and open questions, one PNG an image.

The keys and the names of the types are those of the published file (Hu et al., RSGPT; Lavender105/RSGPT@d3fd7fc6,
`dataset/RSIEval/annotations.json`). The file is about the split `test` alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geopix.earth.captions import description
from geopix.earth.facts import at_position
from geopix.earth.files import write_json, write_png
from geopix.earth.phrases import POSITIONS
from geopix.earth.picture import Picture
from geopix.earth.scene import Instance, Scene
from geopix.earth.seeds import SENTENCES

FOLDER = "RSIEval"
Row = dict[str, Any]
TYPES = {"presence": "presence", "count": "quantity", "comp": "reasoning"}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PLACES = {
    "suburb": "residential area", "industry": "industrial area", "sports": "sports ground", "port": "harbor",
    "coast": "coast", "river": "river", "airfield": "airport", "farm": "farmland", "wild": "countryside",
}  # fmt: skip


class RsiEval:
    """RSIEval's layout."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes the image, where it is in the split `test`, and returns its one row."""
        if picture.split != "test":
            return []
        name = f"P{picture.image_id:04d}_0000.png"
        write_png(root / FOLDER / "images" / name, picture.scene.image)
        pairs = [{"question": text, "answer": answer, "type": kind} for text, answer, kind in _pairs(picture)]
        caption = description(picture.scene, picture.random(SENTENCES))
        return [{"filename": name, "caption": caption, "qa_pairs": pairs}]

    def samples(self, row: list[Row]) -> int:
        """Counts the questions."""
        return sum(len(image["qa_pairs"]) for image in row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes the one table."""
        write_json(root / FOLDER / "annotations.json", {"annotations": [image for _, own in rows for image in own]})


def number(count: int) -> str:
    """Returns a small number in words, a larger one in digits.

    >>> number(3), number(12)
    ('three', '12')
    """
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _pairs(picture: Picture) -> Iterator[tuple[str, str, str]]:
    """Question, answer and type."""
    for question in picture.questions:
        if question.type == "count":
            yield question.text, f"{number(int(question.answer)).capitalize()}.", TYPES["count"]
        elif question.type in TYPES:
            yield question.text, f"{question.answer.capitalize()}.", TYPES[question.type]
    for instance in _alone(picture.scene):
        yield f"What is the color of the {instance.category} in the image?", f"{instance.color.capitalize()}.", "color"
        for position, words in POSITIONS.items():
            if " " in position and at_position(instance, position):
                yield f"Where is the {instance.category} in the image?", f"{words.capitalize()}.", "ab_position"
    yield "What is the theme of the image?", f"{PLACES[picture.scene.theme].capitalize()}.", "scene"
    yield "Is this image a panchromatic image or a color image?", "Color image.", "image"


def _alone(scene: Scene) -> Iterator[Instance]:
    """The instances that are the only one of their category."""
    counts = Counter(instance.category for instance in scene.instances)
    for instance in scene.instances:
        if counts[instance.category] == 1 and instance.category not in scene.fragments:
            yield instance
