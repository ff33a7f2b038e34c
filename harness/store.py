"""The run directory: append-only records that survive a kill, and the results computed from them.

RUN/run.json                      who answered, with what, when            (RunManifest)
RUN/verdicts.sqlite               what a judge said, by content            (VerdictCache)
RUN/TASK/records.jsonl            one line a sample, flushed as it comes   (Record)
RUN/TASK/result.json              scores, written when the task is whole   (TaskResult)
RUN/TASK/previews/*.webp          small copies of the images that reports show
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import orjson
import pydantic

from harness.boxes import size_of
from harness.errors import ConfigurationError, DataError, EnvironmentProblem
from harness.records import Mask, Prediction, Record, Response, Target
from harness.results import FORMAT, RunManifest, TaskResult

RUN_FILE = "run.json"
RECORDS_FILE = "records.jsonl"
RESULT_FILE = "result.json"
PREVIEWS = "previews"
VERDICTS_FILE = "verdicts.sqlite"

Loaded = TypeVar("Loaded", RunManifest, TaskResult)


def encode(record: Record) -> bytes:
    """Returns a record as one JSON line, the same bytes for the same record."""
    # numpy's numbers and arrays are what plugins tend to give.
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)


def decode(line: bytes) -> Record:
    """Returns the record of one JSON line.

    Raises:
        ValueError: the line is torn or is no record.
    """
    data = orjson.loads(line)
    try:
        raw_target = data.get("raw_target")
        return Record(
            **_known(Record, data)
            | {
                "images": tuple(data["images"]),
                "image_files": tuple(data["image_files"]),
                "target": _target(data["target"]),
                "response": _response(data["response"]),
                "prediction": Prediction(**_known(Prediction, data["prediction"]) | _shapes(data["prediction"])),
                "raw_target": raw_target and _target(raw_target),
            }
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a record: {error}") from error


def _known(kind: type[Record | Response | Prediction], data: dict[str, Any]) -> dict[str, Any]:
    """What this version knows of an object; a later one of the same format may add to it."""
    return {name: data[name] for name in kind.__dataclass_fields__ if name in data}


def _shapes(data: dict[str, Any]) -> dict[str, Any]:
    """Masks and boxes of a decoded JSON object as the types that records hold."""
    return {
        "masks": tuple(Mask(tuple(mask["size"]), mask["counts"]) for mask in data["masks"]),
        "boxes": tuple(tuple(box) for box in data["boxes"]),
    }


def _target(data: dict[str, Any]) -> Target:
    return Target(texts=tuple(data["texts"]), **_shapes(data))


def _response(data: dict[str, Any] | None) -> Response | None:
    if data is None:
        return None
    return Response(**_known(Response, data) | _shapes(data) | {"seen": size_of(data.get("seen"))})


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Writes a file, given whole or in parts, beside its place and renames it, so that nobody ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class WrittenLines(Mapping[str, bytes]):
    """Lines of a file by sample id, read when they are asked for: a large task's records take hundreds of megabytes.

    Args:
        file: the file, open for reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}

    def add(self, start: int, lines: Mapping[str, bytes]) -> None:
        """Notes lines that stand one behind the other from a byte of the file on."""
        for sample_id, line in lines.items():
            self._places[sample_id] = start, len(line)
            start += len(line)

    def __getitem__(self, sample_id: str) -> bytes:
        start, length = self._places[sample_id]
        return os.pread(self._file.fileno(), length, start)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class RecordLog:
    """Appends records to a file, each handed to the operating system before the next is made.

    A line that a kill has torn is cut off when the log is opened again, so the file always holds whole records.
    One process at a time: the lock goes with the process, however it ends.

    Args:
        path: the file; made with its folder when absent.

    Attributes:
        lines: what was appended, by sample id; there while the log is open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise ConfigurationError(
                f"another process is writing {self.path}. Wait for it, end it, or name another folder with --output."
            ) from error
        _cut_torn_line(self.path)
        self.lines = WrittenLines(self._file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def append(self, records: list[Record]) -> None:
        """Appends records and flushes them out of this process, so that a kill -9 cannot take them back."""
        fresh = {record.sample_id: encode(record) for record in records}
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(b"".join(fresh.values()))
        self._file.flush()
        self.lines.add(start, fresh)


def _cut_torn_line(path: Path) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def read_records(path: Path) -> Iterator[Record]:
    """Yields the records of a file in its order; a torn last line is left out.

    Raises:
        DataError: a line in the middle is no record; names file and line.
    """
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines[:-1], 1):
        try:
            yield decode(line)
        except ValueError as error:
            raise DataError(
                f"{path}:{number}: this line is not a record ({error}). Remove it and run the same command again; "
                "only its sample is asked anew."
            ) from error


class RunDirectory:
    """One model's answers to one or more tasks.

    Args:
        path: the run's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, manifest: RunManifest) -> RunManifest:
        """Starts the run, or goes on with it when it was made by the same model.

        Returns:
            The manifest in force: the stored one when the run goes on, so that its start and command stay as they were.

        Raises:
            ConfigurationError: the folder holds another model's run, or is no run and not empty.
            EnvironmentProblem: the folder cannot be made.
        """
        if (self.path / RUN_FILE).exists():
            stored = self.manifest()
            if stored.digest != manifest.digest:
                raise ConfigurationError(
                    f"{self.path} holds the answers of {stored.model} (digest {stored.digest[:12]}), and this is "
                    f"{manifest.model} (digest {manifest.digest[:12]}). Name another folder with --output, or delete "
                    "this one."
                )
            # The bootstrap's seed and the pictures' folder belong to the scores, which are made anew.
            going_on = replace(stored, seed=manifest.seed, data_dir=manifest.data_dir, format=FORMAT)
            if going_on != stored:
                self._write_manifest(going_on)
            return going_on
        # A kill may have left half a file with a dot before its name.
        if self.path.is_dir() and any(not found.name.startswith(".") for found in self.path.iterdir()):
            raise ConfigurationError(
                f"{self.path} is not empty and is no run (it has no {RUN_FILE}). Name an empty or new folder "
                "with --output."
            )
        self._write_manifest(manifest)
        return manifest

    def _write_manifest(self, manifest: RunManifest) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / RUN_FILE, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        except OSError as error:
            raise EnvironmentProblem(
                f"the run's folder {self.path.resolve()} cannot be written: {error.strerror}. "
                "Name another with --output."
            ) from error

    def manifest(self) -> RunManifest:
        """Returns who answered, with what, and when.

        Raises:
            DataError: the file is absent or damaged.
        """
        return _load(RunManifest, self.path / RUN_FILE)

    def tasks(self) -> list[str]:
        """Returns the names of the finished tasks, sorted."""
        return sorted(place.parent.name for place in self.path.glob(f"*/{RESULT_FILE}"))

    def unfinished(self) -> list[str]:
        """Returns the names of tasks that have records and no result."""
        started = {place.parent.name for place in self.path.glob(f"*/{RECORDS_FILE}")}
        return sorted(started - set(self.tasks()))

    def records_path(self, task: str) -> Path:
        """Returns where a task's records are."""
        return self.path / task / RECORDS_FILE

    def records(self, task: str) -> Iterator[Record]:
        """Yields a task's records in the data set's order."""
        return read_records(self.records_path(task))

    def result(self, task: str) -> TaskResult:
        """Returns a finished task's scores.

        Raises:
            DataError: the file is absent or damaged.
        """
        return _load(TaskResult, self.path / task / RESULT_FILE)

    def close_task(self, result: TaskResult, records: list[Record], lines: Mapping[str, bytes] | None = None) -> None:
        """Writes the records in the data set's order, once each, and then the result.

        Args:
            result: the task's scores.
            records: all its records.
            lines: those that are encoded already, by sample id.
        """
        known = lines or {}
        encoded = (known.get(record.sample_id) or encode(record) for record in records)
        write_atomically(self.records_path(result.task), encoded)
        content = orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        write_atomically(self.path / result.task / RESULT_FILE, content)

    def reopen_task(self, task: str) -> None:
        """Takes a task's result away before its records change, so that no result outlives its records."""
        (self.path / task / RESULT_FILE).unlink(missing_ok=True)

    def previews(self, task: str) -> Path:
        """Returns the folder of a task's small images."""
        return self.path / task / PREVIEWS


def preview_name(image_id: str) -> str:
    """Returns the file name of an image's preview; ids come from data sets and may hold anything."""
    return hashlib.sha256(image_id.encode()).hexdigest()[:24] + ".webp"


def _load(kind: type[Loaded], path: Path) -> Loaded:
    try:
        content = path.read_bytes()
        _refuse_newer(path, content)
        loaded: Loaded = pydantic.TypeAdapter(kind).validate_json(content)
        return loaded
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Is this a run directory?") from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise DataError(
            f"{path}: {place}: {first['msg']}. The file is damaged or of another version; run the same command again, "
            "or leave this run out."
        ) from error


def _refuse_newer(path: Path, content: bytes) -> None:
    try:
        data = orjson.loads(content)
    except ValueError:
        return  # not JSON: the caller says where
    found = data.get("format") if isinstance(data, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise EnvironmentProblem(
            f"{path} is of format {found}, and this version of geopix-eval reads the formats 1 to {FORMAT}. Install a "
            "newer one (`pip install --upgrade geopix`; run.json names the version that wrote it), or leave this run "
            "out."
        )


def find_runs(places: list[Path]) -> list[RunDirectory]:
    """Returns every run at or below the given folders, sorted by path.

    Raises:
        ConfigurationError: a place does not exist or holds no run.
    """
    runs: dict[Path, RunDirectory] = {}
    for place in places:
        found = [place / RUN_FILE] if (place / RUN_FILE).exists() else sorted(place.rglob(RUN_FILE))
        if not found:
            what = "has no run below it" if place.is_dir() else "does not exist"
            raise ConfigurationError(
                f"{place} {what}: expected a folder made by `geopix-eval --tasks .. --model .. --output {place}`."
            )
        runs |= {path.parent.resolve(): RunDirectory(path.parent) for path in found}
    return [runs[path] for path in sorted(runs)]
