"""Pictures inside the page, so that it stands alone, or as files beside it."""

import base64
import hashlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from harness.errors import DataError
from harness.images import in_colour
from harness.paths import below
from harness.report.runs import Run
from harness.store import preview_name

SIDE = 384

# Takes a picture's kind (`webp`) and content, and returns the address to show it by.
Keep = Callable[[str, bytes], str]


@dataclass(frozen=True)
class Picture:
    """A picture on the page.

    Attributes:
        key: its element id on the page.
        width, height: size in pixels as embedded.
        address: the data address, or the file's relative to the page; None where the picture could not be had.
        problem: why it could not.
        full: width and height of the image as stored, in whose pixels boxes are; None where that is not known.
    """

    key: str
    width: int
    height: int
    address: str | None
    problem: str | None = None
    full: tuple[int, int] | None = None


class Album:
    """The pictures of one task, each embedded once however many cards show it.

    Args:
        prefix: begins the element ids.
        task: the task's name, below which runs keep previews.
        runs: the runs to look for previews in, and whose data folders are looked in next.
        keep: where pictures are kept.
    """

    def __init__(self, prefix: str, task: str, runs: Sequence[Run], keep: Keep) -> None:
        self._keep = keep
        self._prefix = prefix
        self._previews = [run.directory.previews(task) for run in runs]
        self._data_dirs = sorted({run.manifest.data_dir for run in runs})
        self._pictures: dict[str, Picture] = {}

    @property
    def pictures(self) -> list[Picture]:
        """The pictures asked for so far that could be had."""
        return [picture for picture in self._pictures.values() if picture.address]

    def picture(self, image_id: str, image_file: str) -> Picture:
        """Returns a picture from a run's previews, or from the data folder.

        Args:
            image_id: the data set's id of the image.
            image_file: its path relative to the data folder.
        """
        if image_id not in self._pictures:
            key = f"{self._prefix}-{len(self._pictures) + 1}"
            self._pictures[image_id] = replace(self._find(key, image_id, image_file), full=self._full(image_file))
        return self._pictures[image_id]

    def _find(self, key: str, image_id: str, image_file: str) -> Picture:
        problems = []
        places = [(folder, preview_name(image_id)) for folder in self._previews if folder.is_dir()]
        places += [(Path(folder), image_file) for folder in self._data_dirs if image_file]
        for root, name in places:
            try:
                return _kept(key, below(root, name), self._keep)
            except FileNotFoundError:
                problems.append(f"{name} is not in {root}")
            except (DataError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                problems.append(f"{name} in {root}: {error}")
        return Picture(key, SIDE, SIDE, None, problems[-1] if problems else "the record names no file")

    def _full(self, image_file: str) -> tuple[int, int] | None:
        for folder in self._data_dirs if image_file else ():
            try:
                return _size(below(Path(folder), image_file))
            except (DataError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                continue
        return None


def _size(path: Path) -> tuple[int, int]:
    """A picture's width and height, from the head of its file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as source:
            return source.size


def _kept(key: str, path: Path, keep: Keep) -> Picture:
    with warnings.catch_warnings():
        # Aerial images are often larger than what Pillow warns about; what it refuses is still refused.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as source:
            small = in_colour(source)
    if path.suffix == ".webp" and max(small.size) <= SIDE:
        return Picture(key, small.width, small.height, keep("webp", path.read_bytes()))
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=60, method=2)
    return Picture(key, small.width, small.height, keep("webp", buffer.getvalue()))


@dataclass(frozen=True)
class PictureFolder:
    """Keeps pictures as files beside the page, each content once.

    Attributes:
        folder: the folder; made when absent.
    """

    folder: Path

    def __call__(self, kind: str, content: bytes) -> str:
        """Writes a picture; returns its address relative to the page."""
        name = f"{hashlib.sha256(content).hexdigest()[:24]}.{kind}"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
        return f"{self.folder.name}/{name}"


def data_address(kind: str, content: bytes) -> str:
    """Returns an image file as an address that holds all of it."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
