"""Data sets of Hugging Face's library `datasets`, from disk alone (extra `data`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError, EnvironmentProblem, nearest
from harness.paths import below
from harness.readers.mapping import Located, MappedReader, Table


@dataclass(frozen=True)
class DatasetsReader(MappedReader):
    """Reads samples from a folder that `datasets` has written with `save_to_disk`; nothing is downloaded.

    Rows are read from the folder as they are needed. Images are not decoded: those inside the table are copied to a
    cache as they are, those beside it must lie below the data set's folder. A parquet file that a hub serves is read
    by `parquet`. Without `id`, samples go by their row's number, from 1. Needs the extra `data`.

    Attributes:
        folder: the folder below the data set's folder.
        split: the split, where the folder holds several.
    """

    folder: str = "."
    split: str = ""

    def place(self, root: Path) -> Path:
        """Returns the folder."""
        return below(root, self.folder)

    def table(self, place: Path) -> Table:
        """Returns its rows."""
        return _Rows(_opened(place, self.split))


@dataclass(frozen=True)
class _Rows:
    """The rows of a `datasets.Dataset`."""

    data: Any

    def __iter__(self) -> Iterator[Located]:
        for number, row in enumerate(self.data, 1):
            yield Located(number, f"row {number}", row)


def _opened(place: Path, split: str) -> Any:
    try:
        import datasets  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise EnvironmentProblem(
            f"this reader needs the library datasets ({error}). Install the extra: `pip install 'geopix[data]'`."
        ) from error
    try:
        found = datasets.load_from_disk(str(place))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{place} is no folder that `datasets` has written with save_to_disk: {error}. Parquet files are read by "
            "the reader `parquet`."
        ) from error
    return _undecoded(_one_split(found, split, place), datasets.Image(decode=False))


def _one_split(found: Any, split: str, place: Path) -> Any:
    if not hasattr(found, "keys"):
        return found
    if split not in found:
        known = ", ".join(found)
        raise DataError(f"{place} has no split {split!r}.{nearest(split, found)} Name one with `split`: {known}.")
    return found[split]


def _undecoded(data: Any, raw: Any) -> Any:
    """The rows with images as they are stored."""
    for name, feature in data.features.items():
        if type(feature) is type(raw):
            data = data.cast_column(name, raw)
    return data.with_format(None)
