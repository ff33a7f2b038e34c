"""VLMEvalKit's outputs: `MODEL/MODEL_DATASET.xlsx` (or .tsv, .json), a row a question, `hit` where it was judged."""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from harness.errors import DataError, EnvironmentProblem, MissingDataError
from harness.exchange.logs import Log, Row

#: Tables that hold no answers, or the same ones again with a judge's bookkeeping.
_OTHER = re.compile(r"_(acc|score|PREV|supp|checkpoint|rating|eval)\b", re.IGNORECASE)
_JUDGED = "_result"
_TABLES = (".xlsx", ".tsv", ".json")
NEEDED = ("index", "question", "prediction")
TAGS = ("category", "l2-category", "split", "type")


def read_vlmevalkit(folder: Path) -> list[Log]:
    """Returns every data set of every model below a folder.

    A file of answers and a file of judged answers of the same data set are one log: the judged one.

    Raises:
        MissingDataError: there is no table of answers.
        DataError: a table is damaged, or lacks a column.
        EnvironmentProblem: pandas, or what it reads Excel files with, is missing.
    """
    found: dict[tuple[Path, str], Path] = {}
    tables = [file for file in sorted(folder.rglob("*")) if _is_table(file)]
    for file in sorted(tables, key=lambda file: file.stem.endswith(_JUDGED)):
        # Judged answers come last, and take the place of the bare ones.
        found[file.parent, _dataset(file, [other for other in tables if other.parent == file.parent])] = file
    if not found:
        raise MissingDataError(
            f"{folder.resolve()} has no MODEL_DATASET.xlsx below a folder MODEL. Give VLMEvalKit's outputs, or one "
            "model's folder of them."
        )
    return [_log(file, parent.name, name) for (parent, name), file in sorted(found.items())]


def _model_of(file: Path) -> str | None:
    """The folder that is called as its files begin; VLMEvalKit may put a folder a day between."""
    return next((place.name for place in file.parents if file.stem.startswith(f"{place.name}_")), None)


def _is_table(file: Path) -> bool:
    return file.suffix in _TABLES and not _OTHER.search(file.stem) and _model_of(file) is not None


def _dataset(file: Path, tables: Sequence[Path]) -> str:
    """The data set's name: of `MMBench_gpt-4o_result` MMBench, where a table of bare answers is called so."""
    name = _name(file)
    bare = [_name(other) for other in tables if not other.stem.endswith(_JUDGED)]
    judged = [other for other in bare if name.endswith(_JUDGED) and name.startswith(f"{other}_")]
    return max(judged, key=len, default=re.sub(r"_[^_]+_result$", "", name))


def _name(file: Path) -> str:
    return file.stem.removeprefix(f"{_model_of(file)}_")


def _log(file: Path, parent: str, dataset: str) -> Log:
    rows = tuple(_rows(file))
    return Log(
        task=dataset,
        model=_model_of(file) or parent,
        harness="VLMEvalKit",
        file=file,
        rows=rows,
        settings={"file": str(file)},
    )


def _rows(file: Path) -> Iterator[Row]:
    rows = _table(file)
    if missing := [name for name in NEEDED if rows and name not in rows[0]]:
        raise DataError(f"{file}: no column {', '.join(missing)}. Expected VLMEvalKit's table of answers; it has "
                        f"{', '.join(map(str, rows[0]))}.")  # fmt: skip
    for row in rows:
        hit = row.get("hit")
        yield Row(
            id=_text(row["index"]),
            prompt=_text(row["question"]),
            target=(_text(row.get("answer")),),
            text=_text(row["prediction"]),
            scores={"hit": float(hit)} if isinstance(hit, int | float) and not isnan(hit) else {},
            image=_text(row["image_path"]) if row.get("image_path") else None,
            tags={name: _text(row[name]) for name in TAGS if row.get(name) is not None},
        )


def _text(value: Any) -> str:
    """A cell's words; an empty cell, which pandas calls nan, has none."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _table(file: Path) -> list[Mapping[str, Any]]:
    try:
        import pandas  # noqa: PLC0415 - an extra

        read = {
            ".xlsx": pandas.read_excel,
            ".json": pandas.read_json,
            ".tsv": lambda path: pandas.read_csv(path, sep="\t"),
        }
        rows: list[Mapping[str, Any]] = read[file.suffix](file).to_dict("records")
    except ImportError as error:
        raise EnvironmentProblem(f"{file} is a table: pip install 'geopix[data]' ({error})") from error
    except Exception as error:  # pandas and what reads for it raise nearly any
        raise DataError(f"{file} cannot be read as a table: {type(error).__name__}: {error}") from error
    return rows
