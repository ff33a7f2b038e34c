"""Which pictures are asked about, and what: from the words of a command line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigurationError, DataError, MissingDataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".jp2", ".bmp", ".gif", ".ppm", ".pgm")


@dataclass(frozen=True)
class InputImage:
    """A picture to ask about.

    Attributes:
        path: where it is.
        name: the path as the command line spells it, `/` between folders; it names the picture in all output.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        text: in words.
        task: the identifier put before it, a key of `geopix.processing.TASKS`.
    """

    text: str
    task: str


def find_images(places: Sequence[Path], leave_out: Path | None = None) -> list[InputImage]:
    """Returns the files that are named, and those with a picture's suffix below the folders that are, in order.

    Args:
        places: files and folders; hidden files and folders in them are passed over.
        leave_out: a folder whose files are no input: the one that answers are written to.

    Raises:
        MissingDataError: a place does not exist, or a folder holds no picture; all of them are named.
    """
    found, problems = [], []
    for place in places:
        here = list(_below(place, leave_out)) if place.is_dir() else [place] * place.is_file()
        found += here
        if not here:
            problems.append(_missing(place))
    if problems:
        raise MissingDataError("\n".join(problems))
    return [InputImage(path, path.as_posix()) for path in dict.fromkeys(found)]


def _below(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        inside = leave_out is not None and path.resolve().is_relative_to(leave_out.resolve())
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden and not inside:
            yield path


def _missing(place: Path) -> str:
    if place.is_dir():
        return f"{place}: no picture is below this folder; looked for {', '.join(SUFFIXES)}."
    return f"{place}: no such file (looked for {place.absolute()}). Give the path of a picture, or of a folder of them."


def split_words(words: Sequence[str], questions: Path | None) -> tuple[list[Path], str | None]:
    """Parts `IMAGE... QUESTION`; with a file of questions, all words are pictures.

    Raises:
        ConfigurationError: there is no picture, or no question.
    """
    *places, last = words
    if questions is not None:
        return [Path(word) for word in words], None
    if not places or _exists(last):
        raise ConfigurationError(
            f"the question is missing: expected it behind the pictures, found {last!r}. For example: "
            'geopix predict harbour.jpg "Segment the ship.", or --questions FILE for several.'
        )
    return [Path(place) for place in places], last


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # a question may be too long to be a file's name
        return False


def read_questions(path: Path) -> list[str]:
    """Returns the questions of a text file, one a line; empty lines are passed over, repeated ones taken once.

    Raises:
        MissingDataError: there is no such file.
        DataError: it is no UTF-8 text, or has no question.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MissingDataError(
            f"--questions: {path} cannot be read: {error.strerror}. Give a text file with one question a line."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"--questions: {path}: no UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    lines = [line.strip() for line in text.splitlines()]
    questions = list(dict.fromkeys(filter(None, lines)))
    if not questions:
        raise DataError(f"--questions: {path}: no question in it. Write one a line.")
    return questions


def guess_task(text: str) -> str:
    """Returns the kind of answer that the words of a question call for.

    >>> guess_task("Segment the ship on the left."), guess_task("Is there a ship?"), guess_task("Describe the image.")
    ('segment', 'vqa', 'caption')
    """
    words = text.lower()
    if "segment" in words or "mask" in words:
        return "segment"
    if words.startswith("where") or "bounding box" in words:
        return "refer"
    return "caption" if words.startswith("describe") else "vqa"
