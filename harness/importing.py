"""Other people's answers as a run: a JSON Lines file that holds questions, right answers and a model's answers."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from harness.console import task_progress
from harness.errors import ConfigurationError, DataError, EnvironmentProblem, nearest
from harness.evaluate import evaluate
from harness.model_names import parse_options
from harness.models.replay import Replay
from harness.plugins import installed
from harness.policy import ErrorPolicy
from harness.records import ImageFile, Response, Sample, Target
from harness.results import RunManifest
from harness.run import catalogue_of, conclude, judge_of, now, versions
from harness.settings import Settings
from harness.spec import DatasetUse, Task
from harness.store import RunDirectory

KEYS = ("prompt", "text", "target", "id", "image")
NEEDED = ("prompt", "text", "target")
TAG = "tag."
IMPORTED = "import:"  # how the argument of an imported run begins


@dataclass(frozen=True)
class RowReader:
    """Samples that were read already.

    Attributes:
        rows: the samples.
    """

    rows: Sequence[Sample]

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the samples."""
        return iter(self.rows)


def import_file(
    *,
    command: tuple[str, ...],
    file: Path,
    task: str,
    mapping: tuple[str, ...],
    output: Path,
    model_name: str | None,
    seed: int,
    task_dirs: tuple[Path, ...],
    **judging: Any,
) -> int:
    """Scores the answers of a file with a task's parser and metrics, and keeps them as a run.

    Args:
        command: the command line, for the record.
        file: JSON Lines, one object a question.
        task: the task whose parser and metrics are used.
        mapping: pairs KEY=FIELD: where the file keeps `prompt`, `text` (the answer), `target` (the right answer, or
            a list of them; several fields separated by commas for several), `id` (the line number by default),
            `image` (its id; without it each line is its own image) and `tag.NAME`.
        output: the run's folder.
        model_name: the model's name in tables; the file's stem by default.
        seed: seed of the bootstrap.
        task_dirs: further folders of task files.
        judging: the values of the options that name the judge.

    Returns:
        The exit code: 3 when answers could not be scored.

    Raises:
        ConfigurationError: a mapping is unknown or incomplete, or names a field that lines do not have.
        DataError: lines that are no objects; all of them, by number.
    """
    fields = _fields(parse_options(mapping))
    content = _read(file)
    rows = list(_rows(file, content, fields))
    if not rows:
        raise DataError(f"{file.resolve()} holds no line. Expected JSON Lines, one object a question.")
    found = catalogue_of(task_dirs).task(task)
    digest = hashlib.sha256(content + repr(sorted(fields.items())).encode()).hexdigest()
    model = Replay(model_name or file.stem, digest, {sample.id: answer for sample, answer in rows}, file)
    run = RunDirectory(output)
    run.open(_manifest(model, file, fields, command, seed))
    with judge_of([found], judging, installed()) as judge, task_progress() as progress:
        imported = _with_rows(found, [sample for sample, _ in rows], file)
        settings = Settings(
            file.resolve().parent, seed=seed, progress=progress, judge=judge, judge_cache=judging["judge_cache"]
        )
        result = evaluate(imported, model, run, settings)
    return conclude([result], run, ErrorPolicy(count=0))


def _manifest(model: Replay, file: Path, fields: Mapping[str, str], command: tuple[str, ...], seed: int) -> RunManifest:
    return RunManifest(
        model=model.name,
        argument=f"{IMPORTED}{file}",
        digest=model.digest,
        settings={"file": str(file.resolve()), **{f"map {key}": name for key, name in fields.items()}},
        versions=versions(),
        command=command,
        started=now(),
        seed=seed,
        data_dir=str(file.resolve().parent),
    )


def _with_rows(task: Task, samples: Sequence[Sample], file: Path) -> Task:
    """The task with its data replaced by the file's, and the prompts taken as they were sent."""
    noted = noted_as_imported(task, file)
    spec = noted.spec.model_copy(
        update={"dataset": DatasetUse(reader="import", root="."), "prompt": "{{ prompt }}"},
    )
    return replace(noted, spec=spec, reader=RowReader(samples))


def noted_as_imported(task: Task, file: Path) -> Task:
    """Returns a task whose notes say where its data and answers are from."""
    note = f"Questions, right answers and answers were imported from {file.name}."
    return replace(task, spec=task.spec.model_copy(update={"notes": [*task.spec.notes, note]}))


def _fields(mapping: Mapping[str, str]) -> dict[str, str]:
    for key in mapping:
        if key not in KEYS and not key.startswith(TAG):
            known = ", ".join(KEYS)
            raise ConfigurationError(
                f"--map {key}=..: unknown key {key!r}.{nearest(key, KEYS)} Known: {known}, tag.NAME."
            )
    if missing := [key for key in NEEDED if key not in mapping]:
        wanted = " ".join(f"--map {key}=FIELD" for key in missing)
        raise ConfigurationError(f"where the file keeps {', '.join(missing)} is not said. Add {wanted}.")
    return dict(mapping)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"{file.resolve()} cannot be read: {error.strerror}. Expected JSON Lines.") from error


def _rows(file: Path, content: bytes, fields: Mapping[str, str]) -> Iterator[tuple[Sample, Response]]:
    problems: list[str] = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            data = orjson.loads(line)
            right = tuple(text for field in fields["target"].split(",") for text in _texts(data[field.strip()]))
            values = {key: _text(data[field]) for key, field in fields.items() if key != "target"}
        except (ValueError, TypeError, AttributeError) as error:
            problems.append(f"{file}:{number}: not a JSON object: {error}")
        except KeyError as error:
            field = str(error.args[0])
            problems.append(f"{file}:{number}: no field {field!r}.{nearest(field, data)} Found: {', '.join(data)}.")
        else:
            yield _row(values, right, number)
    if problems:
        more = [f"and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise DataError("\n".join([*problems[:20], *more]))


def _text(value: Any) -> str:
    """JSON's null is no answer, its true and false are words."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(value: Any) -> list[str]:
    """One right answer, or a list of accepted ones or of references."""
    return [_text(item) for item in value] if isinstance(value, list) else [_text(value)]


def _row(values: Mapping[str, str], right: tuple[str, ...], number: int) -> tuple[Sample, Response]:
    sample = Sample(
        id=values.get("id", str(number)),
        images=(ImageFile(values["image"], Path(values["image"])),) if "image" in values else (),
        fields={"prompt": values["prompt"]},
        target=Target(texts=right),
        tags={key.removeprefix(TAG): value for key, value in values.items() if key.startswith(TAG)},
    )
    return sample, Response(text=values["text"])
