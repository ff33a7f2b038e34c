"""Leaderboard files: which tasks stand on a board, in which columns, and what others have published beside them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from harness.catalog import Catalogue, Entry, shipped
from harness.errors import ConfigurationError, nearest
from harness.located_yaml import Document, KeyPath, Problem, read
from harness.spec import Name, Strict, explain

# Text where the last printed digit is a zero that a number would lose.
Printed = float | Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]


class Column(Strict):
    """One column of a board: a task, by its primary metric or another."""

    task: Name = Field(description="The task's name or an alias of it.")
    metric: Name | None = Field(default=None, description="The metric's name in the task; the primary one by default.")
    title: str = Field(default="", description="The column's heading; the task's name by default.")
    group: str = Field(default="", description="A heading above this column and its neighbours of the same group.")

    @property
    def key(self) -> str:
        """The name that `fills` refers to: `task`, or `task.metric`."""
        return self.task if self.metric is None else f"{self.task}.{self.metric}"


class Published(Strict):
    """A table of scores that others have published; they never enter a test, since their samples are not at hand."""

    title: str = Field(description="What was measured, on which split.")
    source: str = Field(description="Where the numbers were printed.")
    url: str = Field(default="", description="The source's address, or `arXiv:` and its number.")
    read: str = Field(
        description="How the numbers were read: from code, a page, a picture of a table, or at third hand."
    )
    protocol: str = Field(default="", description="How they were measured; where it is not known the table is grey.")
    differs: str = Field(
        default="", description="Why they cannot be set beside the task's own scores; makes them grey."
    )
    unit: Literal["percent", "score"] = Field(default="percent", description="`percent`: 71.2 stands for 0.712.")
    columns: list[str] = Field(min_length=1, description="The table's headings.")
    fills: dict[str, str] = Field(default={}, description="Which heading stands in which column of the board.")
    rows: dict[str, list[Printed | None]] = Field(
        min_length=1, description='Each model\'s numbers, "24.0" in quotes to keep its last zero; null where none.'
    )

    @property
    def caution(self) -> str:
        """Why the numbers are shown in grey; empty where they were measured as the task measures."""
        return self.differs or ("" if self.protocol else "its protocol is not known")


class Board(Strict):
    """A leaderboard: columns of tasks, and published scores."""

    board: Name = Field(description="The board's name; the file's name too.")
    title: str = Field(description="The page's heading.")
    description: str = Field(default="", description="What the board is for, in a sentence or two.")
    columns: list[Column] = Field(min_length=1)
    published: list[Published] = Field(default=[])
    published_from: Name | None = Field(
        default=None, description="A shipped board whose published tables stand here too, where they fill a column."
    )


def load_board(name: str, tasks: Sequence[Entry]) -> Board:
    """Returns a shipped board by its name, or one of your own by its file's path, its tasks called by their own names.

    Args:
        name: the board's name, or a path that ends in .yaml.
        tasks: the catalogue, through which aliases are resolved; a task it does not hold keeps its name.

    Raises:
        ConfigurationError: there is no such board (the nearest name is suggested), or its file has mistakes.
    """
    file = _find(name)
    try:
        document = read(file)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}. Expected a leaderboard file.") from error
    problems = sorted(set(_own_problems(document, file)))
    if problems:
        raise ConfigurationError("\n".join(map(str, problems)))
    board = _with_own_names(
        Board.model_validate(document.data), {alias: entry.name for entry in tasks for alias in entry.names}
    )
    return _with_tables_of(board, load_board(board.published_from, tasks)) if board.published_from else board


def _find(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    files = _shipped_boards()
    if name not in files:
        known = ", ".join(files)
        raise ConfigurationError(f"unknown board {name!r}.{nearest(name, files)} Known: {known}, or a file's path.")
    return files[name]


def _shipped_boards() -> dict[str, Path]:
    return {file.stem: file for file in sorted(shipped("leaderboards").glob("*.yaml"))}


def _with_own_names(board: Board, names: dict[str, str]) -> Board:
    columns = [column.model_copy(update={"task": names.get(column.task, column.task)}) for column in board.columns]
    keys = {old.key: new.key for old, new in zip(board.columns, columns, strict=True)}
    published = [
        table.model_copy(update={"fills": {heading: keys[key] for heading, key in table.fills.items()}})
        for table in board.published
    ]
    return board.model_copy(update={"columns": columns, "published": published})


def _with_tables_of(board: Board, other: Board) -> Board:
    """Returns a board with another's published tables that fill one of its columns."""
    keys = {column.key for column in board.columns}
    taken = []
    for table in other.published:
        fills = {heading: key for heading, key in table.fills.items() if key in keys}
        taken += [table.model_copy(update={"fills": fills})] if fills else []
    return board.model_copy(update={"published": [*board.published, *taken]})


def board_problems(document: Document, file: Path, catalogue: Catalogue) -> list[Problem]:
    """Returns every mistake of a board's file, unknown tasks and metrics among them, in the order of its lines."""
    return sorted({*_own_problems(document, file), *_unknown_parts(document, catalogue)})


def _own_problems(document: Document, file: Path) -> Iterator[Problem]:
    yield from document.problems
    if not document.data:
        return
    try:
        board = Board.model_validate(document.data)
    except ValidationError as error:
        for detail in error.errors():
            path: KeyPath = tuple(detail["loc"])
            yield document.problem(path, explain(detail, _known_keys(path)))
        return
    if board.board != file.stem:
        yield document.problem(("board",), f"the file is called {file.name}, so its board must be called {file.stem!r}")
    if board.published_from is not None and board.published_from not in (known := _shipped_boards()):
        message = f"unknown board {board.published_from!r}.{nearest(board.published_from, known)}"
        yield document.problem(("published_from",), f"{message} Known: {', '.join(known)}.")
    if board.published_from == board.board:
        yield document.problem(("published_from",), "a board cannot take tables from itself")
    yield from _repeated_columns(document, board)
    for index, table in enumerate(board.published):
        yield from _table_problems(document, index, table, [column.key for column in board.columns])


def _known_keys(path: KeyPath) -> list[str]:
    """The keys allowed beside the last part of a path."""
    kinds: dict[str, type[Strict]] = {"columns": Column, "published": Published}
    return list((Board if len(path) == 1 else kinds.get(str(path[0]), Board)).model_fields)


def _repeated_columns(document: Document, board: Board) -> Iterator[Problem]:
    keys = [column.key for column in board.columns]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield document.problem(("columns", index), f"the column {key!r} stands twice; keep one of the two")


def _table_problems(document: Document, index: int, table: Published, keys: list[str]) -> Iterator[Problem]:
    place: KeyPath = ("published", index)
    for model, numbers in table.rows.items():
        if len(numbers) != len(table.columns):
            counts = f"expected {len(table.columns)} numbers, one a heading, found {len(numbers)}"
            yield document.problem((*place, "rows", model), counts)
    for heading, key in table.fills.items():
        if heading not in table.columns:
            known = f"Known: {', '.join(table.columns)}."
            message = f"unknown heading {heading!r}.{nearest(heading, table.columns)} {known}"
            yield document.problem((*place, "fills", heading), message)
        if key not in keys:
            message = f"unknown column {key!r} of the board.{nearest(key, keys)} Known: {', '.join(keys)}."
            yield document.problem((*place, "fills", heading), message)


def _unknown_parts(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    tasks = {name: entry for entry in catalogue.entries for name in entry.names}
    columns = document.data.get("columns")
    for index, column in enumerate(columns if isinstance(columns, list) else []):
        task, metric = (column.get("task"), column.get("metric")) if isinstance(column, dict) else (None, None)
        if isinstance(task, str) and task not in tasks:
            message = f"unknown task {task!r}.{nearest(task, tasks)} See `geopix-eval ls`."
            yield document.problem(("columns", index, "task"), message)
        elif isinstance(task, str) and isinstance(metric, str):
            known = _metrics(catalogue.resolve(tasks[task]))
            if known and metric not in known:
                message = f"task {task!r} has no metric {metric!r}.{nearest(metric, known)} Known: {', '.join(known)}."
                yield document.problem(("columns", index, "metric"), message)


def _metrics(task: Document) -> list[str]:
    """The names by which a task's scores go; none where its file is not in order."""
    uses = task.data.get("metrics")
    return (
        [str(use.get("as", use.get("name"))) for use in uses if isinstance(use, dict)] if isinstance(uses, list) else []
    )
