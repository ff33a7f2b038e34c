"""The folder that answers are written to: it survives a kill, and the same command goes on where it stopped.

FOLDER/predictions.json           who answered, and with which settings
FOLDER/predictions.jsonl          one line an image and question
FOLDER/overlays/*.png             what was answered, drawn over the picture
FOLDER/masks/*.tif, *.geojson     masks of georeferenced images in their own reference system
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from geopix.prediction.asking import Finished
from geopix.prediction.inputs import InputImage, Question
from geopix.prediction.overlays import overlay
from harness.errors import ConfigurationError, DataError, EnvironmentProblem
from harness.store import write_atomically

FORMAT = 1
HEADER_FILE, LINES_FILE = "predictions.json", "predictions.jsonl"
MASK_FORMATS = ("geotiff", "geojson")
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Header:
    """Who answered, and how: with another header, answers go to another folder.

    Attributes:
        model: the model's name.
        digest: of the checkpoint and of its settings that change answers.
        settings: how pictures were read and the model was asked.
        versions: of the packages that took part; they may change.
        format: of the folder.
    """

    model: str
    digest: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    format: int = FORMAT


class PredictionFolder:
    """A folder of answers, open for one process at a time.

    Args:
        path: the folder; made when it is not there.
        header: who answers.
        mask_formats: how masks of georeferenced images are written, of `MASK_FORMATS`.

    Raises:
        ConfigurationError: it holds other files, answers of another model or other settings, or is being written.
        DataError: a line in it is damaged.
        EnvironmentProblem: it cannot be made.
    """

    def __init__(self, path: Path, header: Header, mask_formats: Sequence[str] = MASK_FORMATS) -> None:
        self.path = path
        self._header = header
        self._mask_formats = mask_formats
        self._lines: dict[Key, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        self._check()
        self._file = self._open()
        try:
            self._lock()
            write_atomically(self.path / HEADER_FILE, orjson.dumps(self._header, option=orjson.OPT_INDENT_2))
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def holds(self, image: InputImage, question: Question, digest: str) -> bool:
        """Returns whether a question about a picture of these bytes is answered; a failed one is not."""
        line = self._lines.get(_key(image, question))
        return line is not None and line["status"] != "failed" and line["sha256"] == digest

    def add(self, finished: Finished, digest: str) -> None:
        """Writes what goes with an answer, and then its line, out of this process's hands at once.

        Args:
            finished: the answer.
            digest: sha256 of the picture's bytes; "" when it could not be read.
        """
        files = {} if finished.failure is not None else self._write_files(finished)
        line = _line(finished, digest, files)
        self._file.write(_encode(line))
        self._file.flush()
        self._lines[_key(finished.image, finished.question)] = line

    def close(self, order: Iterable[tuple[InputImage, Question]]) -> list[dict[str, Any]]:
        """Writes the lines anew, once each: first those of earlier commands, then those asked for, in their order.

        Returns:
            The lines that were asked for.
        """
        asked = [_key(image, question) for image, question in order]
        earlier = [line for key, line in self._lines.items() if key not in set(asked)]
        ours = [self._lines[key] for key in asked]
        write_atomically(self.path / LINES_FILE, map(_encode, [*earlier, *ours]))
        return ours

    @property
    def lines_path(self) -> Path:
        """The file of answers."""
        return self.path / LINES_FILE

    def _open(self) -> BinaryIO:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / LINES_FILE).open("a+b")
        except OSError as error:
            raise EnvironmentProblem(
                f"--output: {self.path.resolve()} cannot be written: {error.strerror}. Name another folder."
            ) from error

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"--output: another process is writing {self.path}. Wait for it, end it, or name another folder."
            ) from error

    def _check(self) -> None:
        header = self.path / HEADER_FILE
        if not header.exists():
            if self.path.is_dir() and any(map(_is_something_else, self.path.iterdir())):
                raise ConfigurationError(
                    f"--output: {self.path} is not empty and holds no answers (it has no {HEADER_FILE}). Name an empty "
                    "or new folder."
                )
            return
        try:
            stored = orjson.loads(header.read_bytes())
            theirs = {"digest": stored["digest"], "format": stored["format"], **stored["settings"]}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{header}: damaged: {error}. Name another folder with --output.") from error
        ours = orjson.loads(orjson.dumps({"digest": self._header.digest, "format": FORMAT, **self._header.settings}))
        other = [
            f"{name} {theirs.get(name)} (now {ours.get(name)})"
            for name in sorted({*theirs, *ours})
            if theirs.get(name) != ours.get(name)
        ]
        if other:
            raise ConfigurationError(
                f"--output: {self.path} holds answers made otherwise: {', '.join(other)}. Name another folder, or "
                "delete this one."
            )

    def _read(self) -> None:
        content = (self.path / LINES_FILE).read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):  # a kill has torn the last line
            os.truncate(self.path / LINES_FILE, whole)
        for number, text in enumerate(content[:whole].splitlines(), 1):
            try:
                line = orjson.loads(text)
                key = (line["image"], line["question"], line["task"])
                _ = line["status"], line["sha256"]
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self.path / LINES_FILE}:{number}: this line is no answer ({error}). Remove it and run the same "
                    "command again; only its question is asked anew."
                ) from error
            self._lines[key] = line

    def _write_files(self, finished: Finished) -> dict[str, str]:
        name = _file_name(finished)
        files: dict[str, str] = {}
        drawn = overlay(finished)
        if drawn is not None:
            files["overlay"] = f"overlays/{name}.png"
            drawn.save(self._place(files["overlay"]))
        place = finished.seen.georeference if finished.seen else None
        if finished.seen is None or place is None or not finished.masks:
            return files
        from geopix.prediction.georeferenced import write_geojson, write_labels  # noqa: PLC0415 - rasterio is an extra

        if "geotiff" in self._mask_formats:
            files["geotiff"] = f"masks/{name}.tif"
            write_labels(self._place(files["geotiff"]), finished.masks, finished.seen.size, place)
        if "geojson" in self._mask_formats:
            files["geojson"] = f"masks/{name}.geojson"
            about = {"image": finished.image.name, "question": finished.question.text}
            write_geojson(self._place(files["geojson"]), finished.masks, place, about)
        return files

    def _place(self, name: str) -> Path:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        return path


def _is_something_else(path: Path) -> bool:
    """Whether a file is none of those that a command killed in its first moment has left."""
    begun = path.name == LINES_FILE and path.stat().st_size == 0
    return not begun and not path.name.startswith(".")


def file_digest(path: Path) -> str:
    """Returns the sha256 of a file's bytes, read piece by piece; "" when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _key(image: InputImage, question: Question) -> Key:
    return image.name, question.text, question.task


def _file_name(finished: Finished) -> str:
    """A name that is safe and tells pictures apart whose stems are the same."""
    stem = re.sub(r"[^\w.-]+", "_", finished.image.path.stem)[:60].lstrip(".") or "image"
    digest = hashlib.sha256("\0".join(_key(finished.image, finished.question)).encode("utf-8", "surrogateescape"))
    return f"{stem}-{digest.hexdigest()[:10]}"


def _line(finished: Finished, digest: str, files: Mapping[str, str]) -> dict[str, Any]:
    height, width = finished.seen.size if finished.seen else (None, None)
    return {
        "image": finished.image.name,
        "question": finished.question.text,
        "task": finished.question.task,
        "status": finished.status,
        "reason": finished.reason,
        "text": finished.text,
        "masks": [asdict(mask.to_rle()) for mask in finished.masks],
        "boxes": finished.boxes,
        "box_source": finished.box_source,
        "tokens": finished.tokens,
        "width": width,
        "height": height,
        "tiles": [
            asdict(tile.window) | {"text": tile.text, "reason": tile.reason, "tokens": tile.tokens}
            for tile in (finished.tiles if len(finished.tiles) > 1 else ())
        ],
        "notes": finished.seen.notes if finished.seen else (),
        "files": files,
        "sha256": digest,
    }


def _encode(line: Mapping[str, Any]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
