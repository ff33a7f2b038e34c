"""What the options of `geopix predict` mean, and which are refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geopix.prediction.asking import Manner
from geopix.prediction.outputs import MASK_FORMATS
from geopix.prediction.scenes import Reading
from geopix.prediction.stretch import parse_stretch
from geopix.prediction.tiles import Tiling
from harness.errors import ConfigurationError

#: Of a single picture drawn to a file of its own, pixels a side.
LARGEST_DRAWING = 8192
DRAWINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Output:
    """Where answers go; the terminal alone when both are None.

    Attributes:
        folder: the folder of answers.
        drawing: the file of a drawing.
    """

    folder: Path | None = None
    drawing: Path | None = None

    @classmethod
    def parse(cls, path: Path | None, *, alone: bool) -> "Output":
        """Reads `--output`.

        Args:
            path: what was given.
            alone: whether there is one picture and one question.

        Raises:
            ConfigurationError: several answers have no folder, or a drawing's name cannot be used.
        """
        if path is None and not alone:
            raise ConfigurationError("--output: name a folder for the answers, for example --output answers.")
        if path is None:
            return cls()
        if path.is_dir() or not path.suffix:
            return cls(folder=path)
        if not alone:
            if path.suffix.lower() in DRAWINGS:
                raise ConfigurationError(
                    f"--output: expected a folder's name for several images or questions, found {str(path)!r}."
                )
            return cls(folder=path)
        if path.suffix.lower() not in DRAWINGS:
            raise ConfigurationError(
                f"--output: expected a picture's name, out.png for example, or a folder's, found {str(path)!r}."
            )
        if not path.absolute().parent.is_dir():
            raise ConfigurationError(
                f"--output: there is no folder {path.absolute().parent}. Make it, or name another."
            )
        return cls(drawing=path)


def read_manner(options: dict[str, Any], output: Output) -> Manner:
    """Returns how pictures are read and the model is asked, from the command's options by name.

    Raises:
        ConfigurationError: bands, stretch or overlap cannot be used.
    """
    tile, overlap = options["tile"], options["overlap"]
    if tile is None and overlap is not None:
        raise ConfigurationError("--overlap: there are no tiles that could overlap. Give --tile too, or leave it out.")
    side = options["overlay_side"] if output.folder else LARGEST_DRAWING if output.drawing else 0
    return Manner(
        reading=read_reading(options["bands"], options["stretch"]),
        tiling=Tiling(tile, tile // 8 if overlap is None else overlap) if tile else None,
        batch_size=options["batch_size"],
        overlay_side=side,
        max_new_tokens=options["max_new_tokens"],
        memory_class=options["memory_class"],
    )


def read_reading(bands: str | None, stretch: str | None) -> Reading:
    """Returns how GeoTIFFs become RGB, from the options `--bands` and `--stretch`.

    Raises:
        ConfigurationError: bands or stretch cannot be used.
    """
    return Reading(_bands(bands) if bands else None, parse_stretch(stretch) if stretch else None)


def _bands(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if len(words) not in (1, 3) or not all(word.isdecimal() and int(word) > 0 for word in words):
        raise ConfigurationError(
            f"--bands: expected one or three numbers from 1 on, 4,3,2 for example; found {text!r}."
        )
    return tuple(map(int, words))


def read_mask_formats(text: str) -> tuple[str, ...]:
    """Reads `geotiff`, `geojson`, both with a comma, or `none`.

    Raises:
        ConfigurationError: the text has another word.
    """
    words = tuple(word.strip() for word in text.split(",") if word.strip() and word.strip() != "none")
    if unknown := [word for word in words if word not in MASK_FORMATS]:
        raise ConfigurationError(f"--masks: expected {', '.join(MASK_FORMATS)} or none, found {unknown[0]!r}.")
    return words
