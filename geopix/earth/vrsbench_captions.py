"""Writes VRSBench's captions: VRSBench_EVAL_Cap.json and one PNG an image. The file is about the split `test` alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geopix.earth.captions import description
from geopix.earth.files import write_json
from geopix.earth.picture import Picture
from geopix.earth.seeds import SENTENCES
from geopix.earth.vrsbench_vqa import FOLDER, write_image

Row = dict[str, Any]


class VrsbenchCaptions:
    """VRSBench's layout, its captions."""

    def write_picture(self, root: Path, picture: Picture) -> list[Row]:
        """Writes the image, where it is in the split `test`, and returns its one row."""
        if picture.split != "test":
            return []
        caption = description(picture.scene, picture.random(SENTENCES))
        question = "Describe the image in detail"
        name = write_image(root, picture)
        return [{"image_id": name, "question": question, "ground_truth": caption, "dataset": "Mini Earth"}]

    def samples(self, row: list[Row]) -> int:
        """Counts the caption, where there is one."""
        return len(row)

    def write_tables(self, root: Path, rows: Sequence[tuple[str, list[Row]]]) -> None:
        """Writes the one table, its rows numbered in the order of the images."""
        found = [row for _, own in rows for row in own]
        numbered = [{**row, "question_id": number} for number, row in enumerate(found)]
        write_json(root / FOLDER / "VRSBench_EVAL_Cap.json", numbered)
