"""Leaderboard files: what they may say, what is said about mistakes, and that the shipped ones are right."""

from pathlib import Path

import pytest

from harness.boards import board_problems, load_board
from harness.catalog import Catalogue, entries, shipped
from harness.errors import ConfigurationError
from harness.listing import validate_files
from harness.located_yaml import read
from harness.plugins import installed

GOOD = """\
board: mine
title: My board
columns:
  - {task: rsvqa_hr, metric: oa}
  - {task: rrsis_d, title: RRSIS-D, group: Masks}
published:
  - title: A table
    source: A paper
    read: from its page
    protocol: as the task
    columns: [OA, other]
    fills: {OA: rsvqa_hr.oa}
    rows:
      Someone: [71.2, null]
      Another: ["70.0", 3]
"""
SHIPPED = sorted(shipped("leaderboards").glob("*.yaml"))


def write(folder: Path, *changes: tuple[str, str], name: str = "mine") -> Path:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / f"{name}.yaml"
    file.write_text(text, "utf-8")
    return file


def mistakes(file: Path) -> list[str]:
    return list(map(str, board_problems(read(file), file, Catalogue([shipped("tasks")], installed()))))


def test_a_board_calls_tasks_by_their_own_names(tmp_path: Path) -> None:
    board = load_board(str(write(tmp_path)), entries([shipped("tasks")]))
    assert [column.key for column in board.columns] == ["rsvqa_hr.oa", "rrsis"]
    assert board.published[0].rows == {"Someone": [71.2, None], "Another": ["70.0", 3]}
    assert board.published[0].caution == ""


def test_a_column_that_an_alias_fills_keeps_its_numbers(tmp_path: Path) -> None:
    file = write(tmp_path, ("fills: {OA: rsvqa_hr.oa}", "fills: {OA: rrsis_d}"))
    assert load_board(str(file), entries([shipped("tasks")])).published[0].fills == {"OA": "rrsis"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: My board", "titel: My board", ":2: titel: unknown key 'titel'. Did you mean 'title'?"),
        ("metric: oa", "metrik: oa", ":4: columns[0].metrik: unknown key 'metrik'. Did you mean 'metric'?"),
        ("task: rsvqa_hr", "task: rsvqa_rh", ":4: columns[0].task: unknown task 'rsvqa_rh'. Did you mean 'rsvqa_hr'?"),
        ("metric: oa", "metric: oaa", ":4: columns[0].metric: task 'rsvqa_hr' has no metric 'oaa'. Did you mean 'oa'?"),
        ("OA: rsvqa_hr.oa", "AO: rsvqa_hr.oa", ":12: published[0].fills.AO: unknown heading 'AO'. Did you mean 'OA'?"),
        ("OA: rsvqa_hr.oa", "OA: rsvqa_hr", "unknown column 'rsvqa_hr' of the board. Did you mean 'rsvqa_hr.oa'?"),
        ("[71.2, null]", "[71.2]", ":14: published[0].rows.Someone: expected 2 numbers, one a heading, found 1"),
        ('"70.0"', '"about 70"', "published[0].rows.Another[0]"),
        ("board: mine", "board: other", ":1: board: the file is called mine.yaml, so its board must be called 'mine'"),
        ("rrsis_d, title", "rsvqa_hr, metric: oa, title", ":5: columns[1]: the column 'rsvqa_hr.oa' stands twice"),
        ("board: mine", "board: mine\npublished_from: geopics", "unknown board 'geopics'. Did you mean 'geopix'?"),
        ("board: mine", "board: mine\npublished_from: mine", "a board cannot take tables from itself"),
        ("    protocol: as", "    protocoll: as", "unknown key 'protocoll'. Did you mean 'protocol'?"),
        ("title: A table", "title: !!python/name:os.system A", "is not allowed"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_nearest_name(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    file = write(tmp_path, (old, new))
    assert any(expected in line and line.startswith(f"{file}:") for line in mistakes(file)), mistakes(file)
    with pytest.raises(ConfigurationError):
        validate_files([file])


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, ("metric: oa", "metrik: oa"), ("rrsis_d", "rrsis_e"), ("source: A", "sauce: A"))
    found = "\n".join(mistakes(file))
    assert all(word in found for word in ("'metrik'", "'rrsis_e'", "'sauce'", "'source' is missing"))


def test_a_board_beside_tasks_is_no_task(tmp_path: Path) -> None:
    write(tmp_path)
    assert entries([tmp_path]) == ()


def test_an_unknown_board_is_told_the_nearest() -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown board 'geopics'\. Did you mean 'geopix'\? Known: geopix, im"
    ):
        load_board("geopics", ())


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml cannot be read: No such file"):
        load_board(str(tmp_path / "absent.yaml"), ())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_boards_are_right(file: Path) -> None:
    assert mistakes(file) == []
    assert load_board(file.stem, entries([shipped("tasks")])).columns


def test_the_geopix_board_holds_geopix_numbers_and_marks_those_of_unknown_protocol() -> None:
    board = load_board("geopix", entries([shipped("tasks")]))
    tables = {table.title: table for table in board.published if "GeoPix" in table.rows}
    numbers = {title: table.rows["GeoPix"] for title, table in tables.items()}
    assert numbers["DVGBench, implicit queries, pixel level"] == [10.61, 19.18, 6.20]
    assert [values for values in numbers.values() if len(values) == 1] == [[84.25], [32.2], [43.62]]
    assert all(table.caution for table in tables.values())


def test_the_average_of_dvgbench_is_the_mean_of_its_scenarios() -> None:
    board = load_board("geopix", ())
    table = next(table for table in board.published if table.title == "DVGBench, implicit queries, region level")
    assert len(table.rows) == 16
    for model, row in table.rows.items():
        values = [float(value) for value in row if value is not None]
        assert sum(values[:6]) / 6 == pytest.approx(values[6], abs=0.006), model


def test_a_level_shows_the_published_tables_that_fill_its_columns() -> None:
    board = load_board("pixel_level", entries([shipped("tasks")]))
    assert "RRSIS-D, test split" in {table.title for table in board.published}
    keys = {column.key for column in board.columns}
    assert all(set(table.fills.values()) <= keys and table.fills for table in board.published)
