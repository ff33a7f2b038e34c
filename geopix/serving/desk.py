"""The desk: keeps the pictures that were brought to it, and answers questions about them one after the other."""

import hashlib
import io
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from PIL import Image

from geopix.image_processing import FORMATS, UNREADABLE, to_rgb, why_unreadable, without_bomb_warning
from geopix.predictor import Answer, Asking, GeoPix, Look
from harness.errors import MissingDataError, SampleError

#: The longest side of the copy that a browser is given; masks and boxes keep the picture's own pixels.
SHOWN_SIDE = 2048

#: Masks are made at the picture's own size, and a browser holds several of them.
MOST_PIXELS = 64_000_000


@dataclass(frozen=True, eq=False)
class Brought:
    """A picture on the desk.

    Attributes:
        id: the sha256 of its file.
        width: in pixels, as stored.
        height: in pixels, as stored.
        shown: the picture as the model gets it (8-bit RGB), at most 2048 pixels a side, as WebP.
        look: the model's reading of it.
    """

    id: str
    width: int
    height: int
    shown: bytes
    look: Look


@dataclass(frozen=True, eq=False)
class Told:
    """An answer and how long it took, in seconds."""

    answer: Answer
    seconds: float


@dataclass(eq=False)
class Desk:
    """Reads each picture once, and keeps the latest few with their readings.

    Any thread may use it; the model does one thing at a time.

    Args:
        geopix: what answers.
        name: what the page calls the model.
        room: how many pictures are kept.
    """

    geopix: GeoPix
    name: str = "GeoPix"
    room: int = 8
    _pictures: OrderedDict[str, Brought] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def bring(self, file: bytes) -> Brought:
        """Puts a picture on the desk, unless it lies there.

        Args:
            file: the bytes of a picture file, of any kind that Pillow reads.

        Raises:
            SampleError: the bytes are no picture, or one of more than 64 million pixels.
        """
        name = hashlib.sha256(file).hexdigest()
        with self._lock:
            if name not in self._pictures:
                picture = open_picture(file)
                look = self.geopix.look(picture)
                self._pictures[name] = Brought(name, picture.width, picture.height, _as_shown(picture), look)
            self._pictures.move_to_end(name)
            while len(self._pictures) > self.room:
                self._pictures.popitem(last=False)
            return self._pictures[name]

    def picture(self, name: str) -> Brought:
        """Returns a picture that lies on the desk.

        Raises:
            MissingDataError: there is none of that name, or not any more.
        """
        with self._lock:
            if name not in self._pictures:
                raise MissingDataError(
                    f"The picture is not kept any more: only the latest {self.room} are. Drop it once more."
                )
            return self._pictures[name]

    def ask(self, name: str, question: str, asking: Asking) -> Told:
        """Answers a question about a picture that lies on the desk.

        Raises:
            MissingDataError: the picture is not kept any more.
            SampleError: the question is empty or too long.
            ConfigurationError: an option has a value that cannot be.
        """
        brought = self.picture(name)
        with self._lock:
            start = time.perf_counter()
            answer = brought.look.respond([question], **asking)[0]
            return Told(answer, time.perf_counter() - start)


def open_picture(file: bytes) -> Image.Image:
    """Reads a picture file's bytes as 8-bit RGB; `geopix.image_processing.to_rgb` says how others are turned into it.

    Raises:
        SampleError: the bytes are no picture, a damaged one, or one of more than 64 million pixels.
    """
    try:
        with without_bomb_warning(), Image.open(io.BytesIO(file), formats=FORMATS) as opened:
            _check_size(opened)
            return to_rgb(opened)
    except UNREADABLE as error:
        raise SampleError(
            f"This file cannot be read as a picture: {why_unreadable(error)}. Drop a PNG, JPEG, WebP or TIFF."
        ) from error


def _check_size(picture: Image.Image) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise SampleError(
            f"The picture has {picture.width} x {picture.height} pixels; this page takes at most "
            f"{MOST_PIXELS // 1_000_000} million. Cut it into tiles, or ask with the command: geopix predict."
        )


def _as_shown(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    written = io.BytesIO()
    small.save(written, "WEBP", quality=90, method=2)
    return written.getvalue()
