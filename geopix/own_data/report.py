"""What a data set's `report.json` says: what it was made of, what it holds, and what is not in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geopix.own_data.polygons import Layer
from geopix.own_data.rasters import Raster
from geopix.own_data.records import LeftOut, SplitCount
from geopix.own_data.settings import Settings
from harness.digests import file_digest
from harness.errors import ConfigurationError

VERSION = 1  # of what is written: another version makes other bytes
REPORT = "report.json"


@dataclass(frozen=True)
class Made:
    """A data set.

    Attributes:
        folder: where it is.
        splits: what each split holds.
        problems: the name of each raster and polygon that could not be used, with the reason.
        left_out: what else is not in it.
        notes: what was converted when rasters were read: how many have each note.
        new: whether this call made it; False: it was there already.
    """

    folder: Path
    splits: Mapping[str, SplitCount]
    problems: tuple[tuple[str, str], ...]
    left_out: LeftOut
    notes: Mapping[str, int]
    new: bool


def head(rasters: Sequence[Raster], layers: Sequence[Layer], settings: Settings) -> dict[str, Any]:
    """Returns what decides a data set's bytes, as JSON has it: settings and the files' sha256."""
    files = {raster.name: file_digest(raster.path) for raster in rasters}
    files |= {str(layer.path): file_digest(layer.path) for layer in layers}
    plain: dict[str, Any] = json.loads(
        json.dumps({"geopix_tiles": VERSION, "settings": settings.plain(), "files": files})
    )
    return plain


def write_report(folder: Path, about: Mapping[str, Any], made: Made) -> None:
    """Writes `report.json`.

    Args:
        folder: the data set's folder.
        about: what it was made of, from `head`.
        made: what it holds.
    """
    report = {
        **about,
        "splits": {name: asdict(count) for name, count in made.splits.items()},
        "problems": [{"name": name, "reason": reason} for name, reason in made.problems],
        "left_out": asdict(made.left_out),
        "notes": made.notes,
    }
    (folder / REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")


def existing(output: Path, about: Mapping[str, Any]) -> Made | None:
    """Returns the data set that is there; None where there is none.

    Args:
        output: the folder.
        about: what is to be made, from `head`.

    Raises:
        ConfigurationError: the folder holds anything else.
    """
    if output.is_file():
        raise ConfigurationError(f"--output: {output} is a file; expected a folder. Choose another path.")
    if not output.exists() or not any(output.iterdir()):
        return None
    report = output / REPORT
    try:
        found = json.loads(report.read_text("utf-8"))
        different = [key for key in about if found[key] != about[key]]
        made = Made(
            output,
            {name: SplitCount(**count) for name, count in found["splits"].items()},
            tuple((problem["name"], problem["reason"]) for problem in found["problems"]),
            LeftOut(**found["left_out"]),
            found["notes"],
            new=False,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"--output: {output} is not empty and holds no data of geopix tiles that can be read ({REPORT}: {error}). "
            "Choose an empty or a new folder."
        ) from error
    if different:
        words = {"geopix_tiles": "another version", "settings": "other options", "files": "other files"}
        how = " and ".join(words[key] for key in different)
        raise ConfigurationError(
            f"--output: {output} holds data made with {how}. Choose another folder, or remove this one first."
        )
    return made
