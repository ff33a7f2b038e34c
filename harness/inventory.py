"""What of the tasks' data is there: counted by each task's own reader and held against the published split."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from harness.digests import file_digest
from harness.errors import GeoPixError, MissingDataError
from harness.paths import below, spelt_below
from harness.spec import Expects, Task

State = Literal["as published", "there", "differs", "incomplete", "missing"]


@dataclass(frozen=True)
class Content:
    """What a reader finds in a data set's folder.

    Attributes:
        samples: how many samples it gives.
        images: how many images the usable ones are about.
        defects: how many samples cannot be used.
        defect: why the first of these cannot.
        problem: why the reader broke off; the counts then mean nothing.
    """

    samples: int = 0
    images: int = 0
    defects: int = 0
    defect: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Stock:
    """What there is of one task's data.

    Attributes:
        task: the task.
        folder: where its data set belongs.
        size: bytes of all files in the folder; None where it is not there.
        missing: expected files that are not there.
        altered: expected files whose sha256 is another than the published one.
        content: what the reader finds; None where files are missing.
    """

    task: Task
    folder: Path
    size: int | None = None
    missing: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    content: Content | None = None

    @property
    def state(self) -> State:
        """The whole in a word; `there` where no published number is known to compare with."""
        if self.size is None:
            return "missing"
        if self.content is None or self.content.problem or self.content.defects:
            return "incomplete"
        if self.altered or any(found != published for found, published in self._counts()):
            return "differs"
        return "as published" if self._counts() else "there"

    def _counts(self) -> list[tuple[int, int]]:
        expects, content = self.task.spec.expects, self.content or Content()
        pairs = ((content.samples, expects.samples), (content.images, expects.images))
        return [(found, published) for found, published in pairs if published is not None]

    def findings(self) -> Iterator[str]:
        """Yields in words what is there, what is missing, and how that compares with the published split."""
        if self.size is None:
            yield f"{self.folder.name}/ is not in the data folder"
            return
        if self.missing:
            yield f"not there: {', '.join(self.missing)}"
        for name in self.altered:
            yield f"{name} is not the published file: its sha256 differs"
        if self.content is not None:
            yield from _contents(self.content, self.task.spec.expects)


def _contents(content: Content, expects: Expects) -> Iterator[str]:
    if content.problem:
        yield f"cannot be read: {content.problem}"
        return
    yield f"{content.samples:,} samples, {content.images:,} images"
    for noun, found, published in (
        ("", content.samples, expects.samples),
        (" of images", content.images, expects.images),
    ):
        if published is not None and found != published:
            yield f"other count{noun} than published: {found:,}, published {published:,}"
    if expects.samples is None and expects.images is None:
        yield "how many are published is not established"
    if content.defects:
        yield f"{content.defects:,} of the samples cannot be used, for example: {content.defect}"


class Stocktaking:
    """Looks at the data of tasks; what several tasks share is looked at once.

    Args:
        data_dir: the folder with the data sets.

    Raises:
        MissingDataError: it does not exist.
    """

    def __init__(self, data_dir: Path) -> None:
        if not data_dir.is_dir():
            raise MissingDataError(
                f"the data folder {data_dir.resolve()} does not exist. Make it, put the data sets into it as "
                "downloaded, or name another with --data-dir."
            )
        self.data_dir = data_dir
        self._sizes: dict[Path, int] = {}
        self._contents: dict[bytes, Content] = {}

    def stock(self, task: Task) -> Stock:
        """Returns what there is of a task's data.

        Raises:
            DataError: the task names a file outside its data set's folder.
        """
        folder = spelt_below(self.data_dir, task.spec.dataset.root)
        if not folder.is_dir():
            return Stock(task, folder)
        expected = {name: below(folder, name) for name in task.spec.expects.files}
        missing = tuple(name for name, path in expected.items() if not path.is_file())
        return Stock(
            task=task,
            folder=folder,
            size=self._size(folder),
            missing=missing,
            altered=tuple(_altered(task, expected)),
            content=None if missing else self._content(task, folder),
        )

    def _size(self, folder: Path) -> int:
        if folder not in self._sizes:
            files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
            self._sizes[folder] = sum(file.lstat().st_size for file in files)
        return self._sizes[folder]

    def _content(self, task: Task, folder: Path) -> Content:
        key = orjson.dumps(task.spec.dataset.model_dump(), option=orjson.OPT_SORT_KEYS)
        if key not in self._contents:
            self._contents[key] = _read(task, folder)
        return self._contents[key]


def _altered(task: Task, expected: dict[str, Path]) -> Iterable[str]:
    for name, digest in task.spec.expects.files.items():
        if digest is not None and expected[name].is_file() and file_digest(expected[name]) != digest:
            yield name


def _read(task: Task, folder: Path) -> Content:
    samples = 0
    images: set[str] = set()
    defects: list[str] = []
    try:
        for sample in task.reader.samples(folder):
            samples += 1
            if sample.defect is None:
                images.update(image.id for image in sample.images)
            else:
                defects.append(sample.defect)
    except GeoPixError as error:
        return Content(problem=str(error))
    except Exception as error:  # noqa: BLE001 - a plugin's reader may raise anything; the other tasks are shown all the same
        return Content(problem=f"{type(error).__name__}: {error}")
    return Content(samples, len(images), len(defects), defects[0] if defects else None)
