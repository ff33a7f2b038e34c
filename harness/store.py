"""The run directory: append-only records that survive a kill, and the results computed from them.

RUN/run.json                      who answered, with what, when            (RunManifest)
RUN/.lock                         held while run.json is looked at
RUN/verdicts.sqlite               what a judge said, by content            (VerdictCache)
RUN/TASK/records.jsonl            one line a sample, flushed as it comes   (Record)
RUN/TASK/records.3-of-8.jsonl     the same of one of several processes, until the task is whole
RUN/TASK/.lock                    who is at work                           (Attendance)
RUN/TASK/result.json              scores, written when the task is whole   (TaskResult)
RUN/TASK/previews/*.webp          small copies of the images that reports show
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import orjson
import pydantic

from harness.boxes import size_of
from harness.errors import NO_ROOM, ConfigurationError, DataError, EnvironmentProblem
from harness.processes.shards import ALONE, Shard
from harness.records import Mask, Prediction, Record, Response, Target
from harness.results import FORMAT, RunManifest, TaskResult

RUN_FILE = "run.json"
RECORDS_FILE = "records.jsonl"
ALL_RECORDS = "records*.jsonl"
RESULT_FILE = "result.json"
LOCK_FILE = ".lock"
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
        if not isinstance(data["key"], str) or not isinstance(data["sample_id"], str):
            raise TypeError("key and sample_id must be texts")
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
    try:
        with temporary.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def exclusive(path: Path) -> Iterator[BinaryIO]:
    """Gives a lock file, made with its folder when absent, once no other process has it; it goes with a process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


#: What the system says when a folder is read-only or its disk is gone.
_NO_WRITING = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ESTALE)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Says in words what keeps a run's folder from being written, where something does.

    Args:
        folder: the run's.

    Raises:
        EnvironmentProblem: there is no room, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        elsewhere = error.filename is not None and not Path(error.filename).absolute().is_relative_to(folder.absolute())
        if error.errno in NO_ROOM and not elsewhere:
            advice = "Make room and run the same command again: it goes on where this one stopped."
        elif error.errno in _NO_WRITING and not elsewhere:
            advice = "Make it writable and run the same command again, or name another folder with --output."
        else:
            raise
        raise EnvironmentProblem(
            f"the run's folder {folder.resolve()} cannot be written: {error.strerror}. Answers written before are "
            f"kept. {advice}"
        ) from error


class WrittenLines(Mapping[str, bytes]):
    """Lines of a file by sample id, read when they are asked for: a large task's records take hundreds of megabytes.

    Args:
        file: the file, open for reading.
    """

    def __init__(self, file: FileIO) -> None:
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
        self._file = self.path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise ConfigurationError(
                f"another process is writing {self.path}. Wait for it, end it, or name another folder with --output."
            ) from error
        _cut_torn_line(self._file)
        self.lines = WrittenLines(self._file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def release(self) -> None:
        """Lets others see that nothing more will be appended; the lines can still be read."""
        os.fsync(self._file.fileno())
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def append(self, records: list[Record]) -> None:
        """Appends records and hands them to the operating system, so that a kill -9 cannot take them back.

        Raises:
            OSError: they cannot be written whole; the file is then as it was before.
        """
        fresh = {record.sample_id: encode(record) for record in records}
        start = self._file.seek(0, os.SEEK_END)
        try:
            _write_whole(self._file, b"".join(fresh.values()))
        except OSError:
            self._file.truncate(start)
            raise
        self.lines.add(start, fresh)


def _write_whole(file: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _cut_torn_line(file: FileIO) -> None:
    """Cuts off what follows the last line's end; reads backwards, for a file may be large."""
    end = size = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 2**16)
        found = os.pread(file.fileno(), end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        file.truncate(end)


def is_written(path: Path) -> bool:
    """Returns whether a living process holds a file of records open to append to it."""
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def record_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields each line of a file of records with its number, from 1; one line is in memory at a time.

    A torn last line is left out; a file that is absent has no line.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                yield number, line


def read_records(path: Path) -> Iterator[Record]:
    """Yields the records of a file in its order; a torn last line is left out.

    Raises:
        DataError: a line in the middle is no record; names file and line.
    """
    for number, line in record_lines(path):
        try:
            yield decode(line)
        except ValueError as error:
            raise damaged_line(path, number, error) from error


def damaged_line(path: Path, number: int, error: Exception) -> DataError:
    """Returns what to say of a line that is no record."""
    return DataError(
        f"{path}:{number}: this line is not a record ({error}). Remove it and run the same command again; "
        "only its sample is asked anew."
    )


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
        try:
            with exclusive(self.path / LOCK_FILE):
                return self._open(manifest)
        except OSError as error:
            raise EnvironmentProblem(
                f"the run's folder {self.path.resolve()} cannot be written: {error.strerror}. "
                "Name another with --output."
            ) from error

    def _open(self, manifest: RunManifest) -> RunManifest:
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
        if any(not found.name.startswith(".") for found in self.path.iterdir()):
            raise ConfigurationError(
                f"{self.path} is not empty and is no run (it has no {RUN_FILE}). Name an empty or new folder "
                "with --output."
            )
        self._write_manifest(manifest)
        return manifest

    def _write_manifest(self, manifest: RunManifest) -> None:
        write_atomically(self.path / RUN_FILE, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))

    def manifest(self) -> RunManifest:
        """Returns who answered, with what, and when.

        Raises:
            DataError: the file is absent or damaged.
        """
        return _load(RunManifest, self.path / RUN_FILE)

    def tasks(self) -> list[str]:
        """Returns the names of the finished tasks, sorted."""
        return sorted(place.parent.name for place in self.path.glob(f"*/{RESULT_FILE}"))

    def is_finished(self, task: str) -> bool:
        """Returns whether a task has a result."""
        return (self.path / task / RESULT_FILE).is_file()

    def unfinished(self) -> list[str]:
        """Returns the names of tasks that have records and no result."""
        started = {place.parent.name for place in self.path.glob(f"*/{ALL_RECORDS}")}
        return sorted(started - set(self.tasks()))

    def records_path(self, task: str, shard: Shard = ALONE) -> Path:
        """Returns where a task's records are, or those of one of several processes while they are at work."""
        name = RECORDS_FILE if shard.alone else f"records.{shard.index + 1}-of-{shard.count}.jsonl"
        return self.path / task / name

    def record_files(self, task: str) -> list[Path]:
        """Returns the files that hold records of a task; first those of one process, then those of several, by name."""
        whole = self.records_path(task)
        return [whole, *sorted(path for path in whole.parent.glob(ALL_RECORDS) if path != whole)]

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
        self.write_records(result.task, (known.get(record.sample_id) or encode(record) for record in records))
        self.write_result(result)

    def write_records(self, task: str, lines: Iterable[bytes]) -> None:
        """Writes a task's records, given as lines in the data set's order, in the place of those that are there."""
        path = self.records_path(task)
        for left in path.parent.glob(f".{path.name}.*.tmp"):
            left.unlink()  # of a process that was killed at this very step
        write_atomically(path, lines)

    def write_result(self, result: TaskResult) -> None:
        """Writes a task's scores; its records are there already."""
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
