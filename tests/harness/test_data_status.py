"""What is there of the tasks' data: on an empty, a half-filled and a full folder."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from geopix.cli import main as geopix
from harness.catalog import Catalogue
from harness.cli import main
from harness.data_status import size_text
from harness.inventory import Stock, Stocktaking
from harness.plugins import installed
from tests.harness.small_data import write_data, write_task


def status(data_dir: Path, *arguments: object) -> Result:
    result = CliRunner().invoke(main, ["data", "status", "--data-dir", str(data_dir), *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def words(result: Result) -> str:
    """The output without the column of sizes and the line breaks within cells."""
    return " ".join(re.sub(r"(\d[\d.]* [kM]?B|-) *$", "", result.stdout, flags=re.MULTILINE).split())


@pytest.fixture(scope="module")
def mini_earth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earth") / "data"
    arguments = ["--seed", "7", "--images", "3", "--size", "96", "--workers", "1", "--splits", "test"]
    assert CliRunner().invoke(geopix, ["earth", "make", str(folder), *arguments]).exit_code == 0
    return folder


def small(folder: Path, expects: str = "") -> Stock:
    """The stock of the small task, which expects what is given."""
    file = write_task(folder / "tasks")
    file.write_text(file.read_text() + expects)
    return Stocktaking(folder / "data").stock(Catalogue([file.parent], installed()).task("small"))


def test_mini_earth_has_other_counts_than_published(mini_earth: Path) -> None:
    result = status(mini_earth, "--tasks", "rrsis,rsvqa_hr,rsvqa_lr")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    (drawn,) = json.loads((mini_earth / "mini_earth.json").read_text())["splits"]
    for task, layout, published in (("rrsis", "rrsisd", "3,481"), ("rsvqa_hr", "rsvqa_hr", "222,684")):
        found = drawn["samples"][layout]
        assert f"{task} differs: {found} samples, 3 images" in words(result)
        assert f"other count than published: {found}, published {published}" in words(result)
    assert "rsvqa_lr missing: RSVQA_LR/ is not in the data folder" in words(result)
    assert "licence: not established" in words(result)
    for address in ("https://github.com/Lsan2401/RMSIN", "https://zenodo.org/records/6344367"):
        assert address in result.stdout
    assert re.search(r" kB\s", result.stdout)
    assert f"2 of 3 tasks can be run on {mini_earth}." in words(result)


def test_a_half_filled_folder_is_told_by_what_it_lacks(mini_earth: Path, tmp_path: Path) -> None:
    shutil.copytree(mini_earth, tmp_path / "data")
    (tmp_path / "data" / "RSVQA_HR" / "USGS_split_test_answers.json").unlink()
    (tmp_path / "data" / "rrsisd" / "images" / "rrsisd" / "JPEGImages" / "00001.jpg").unlink()
    result = status(tmp_path / "data", "--tasks", "rrsis,rsvqa_hr")
    assert result.exit_code == 0
    assert "rsvqa_hr incomplete: not there: USGS_split_test_answers.json licence" in words(result)
    assert re.search(r"of the samples cannot be used, for example: image 1: 00001\.jpg is not in", words(result))
    assert "0 of 2 tasks can be run" in words(result)


def test_in_an_empty_folder_every_task_is_missing(tmp_path: Path) -> None:
    result = status(tmp_path)
    assert result.exit_code == 0
    tasks = Catalogue([Path("tasks")], installed()).entries
    assert words(result).count("missing: ") == len(tasks)
    assert f"0 of {len(tasks)} tasks can be run" in words(result)


def test_an_absent_folder_is_an_error(tmp_path: Path) -> None:
    result = status(tmp_path / "absent")
    assert result.exit_code == 4
    assert f"the data folder {tmp_path / 'absent'} does not exist. Make it, put the data sets into it" in result.stderr
    assert result.stdout == ""


def test_unknown_tasks_are_refused_with_the_nearest(tmp_path: Path) -> None:
    result = status(tmp_path, "--tasks", "rrsiss")
    assert result.exit_code == 2
    assert "unknown task 'rrsiss'. Did you mean 'rrsis'?" in result.stderr


@pytest.mark.parametrize(
    ("expects", "state", "finding"),
    [
        ("", "there", "how many are published is not established"),
        ("expects: {samples: 12, images: 4}\n", "as published", "12 samples, 4 images"),
        ("expects: {samples: 12, images: 5}\n", "differs", "other count of images than published: 4, published 5"),
        ("expects: {samples: 4180}\n", "differs", "other count than published: 12, published 4,180"),
        ("expects: {files: {T_more.json: null}}\n", "incomplete", "not there: T_more.json"),
        (
            f"expects: {{files: {{T_images.json: {'a' * 64}}}}}\n",
            "differs",
            "T_images.json is not the published file: its sha256 differs",
        ),
    ],
)
def test_what_is_there_is_held_against_what_is_published(
    tmp_path: Path, expects: str, state: str, finding: str
) -> None:
    write_data(tmp_path / "data")
    stock = small(tmp_path, expects)
    assert stock.state == state
    assert finding in stock.findings()


def test_a_file_with_the_published_digest_is_right(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data") / "SMALL"
    digest = hashlib.sha256((root / "T_images.json").read_bytes()).hexdigest()
    stock = small(tmp_path, f"expects: {{samples: 12, files: {{T_images.json: {digest}}}}}\n")
    assert (stock.state, stock.altered) == ("as published", ())
    assert stock.size == sum(file.stat().st_size for file in root.rglob("*") if file.is_file())


def test_damaged_files_are_told_and_the_other_tasks_shown(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data") / "SMALL"
    (root / "T_images.json").write_text("{")
    stock = small(tmp_path)
    assert stock.state == "incomplete"
    assert next(stock.findings()).startswith(f"cannot be read: {root / 'T_images.json'}: not valid JSON")


def test_a_task_may_not_look_outside_its_data(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "tasks").mkdir()
    file = write_task(tmp_path / "tasks")
    file.write_text(file.read_text() + "expects: {files: {../../secret: null}}\n")
    result = status(tmp_path / "data", "--tasks", "small", "--task-dir", tmp_path / "tasks")
    assert result.exit_code == 4
    assert "outside its root" in result.stderr


def test_names_from_task_files_are_no_markup_and_no_escapes(tmp_path: Path) -> None:
    file = write_task(tmp_path / "tasks")
    text = file.read_text().replace("url: https://example.org/small", 'url: "[red]x[/red]\\e[2J"')
    file.write_text(text)
    result = status(tmp_path, "--tasks", "small", "--task-dir", file.parent)
    assert "[red]x[/red]⟨U+001B⟩[2J" in result.stdout


def test_sizes_have_decimal_units() -> None:
    assert [size_text(size) for size in (0, 1000, 3_400_000, 2_970_000_000)] == ["0 B", "1.0 kB", "3.4 MB", "3.0 GB"]


def test_a_split_belongs_to_its_data_and_is_not_inherited_by_other_data(tmp_path: Path) -> None:
    base = write_task(tmp_path)
    base.write_text(base.read_text() + "expects: {samples: 12}\n")
    head = "version: 1\nextends: small\ntitle: t\n"
    (tmp_path / "same.yaml").write_text(f"name: same\n{head}prompt: other\n")
    (tmp_path / "other.yaml").write_text(f"name: other\n{head}dataset: {{prefix: U}}\n")
    catalogue = Catalogue([tmp_path], installed())
    assert catalogue.task("same").spec.expects.samples == 12
    assert catalogue.task("other").spec.expects.samples is None


def test_what_a_split_holds_and_words_about_it_leave_the_digest_alone(tmp_path: Path) -> None:
    digests = set()
    for folder, line in (("a", ""), ("b", "expects: {samples: 12}\nlicence: CC0\nnotes: [a]\n")):
        file = write_task(tmp_path / folder)
        file.write_text(file.read_text() + line)
        digests.add(Catalogue([file.parent], installed()).task("small").digest)
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("expects: {sample: 3}", "expects.sample: unknown key 'sample'. Did you mean 'samples'?"),
        ("expects: {samples: 0}", "expects.samples: input should be greater than or equal to 1, found 0"),
        ("expects: {files: {a: 12ab}}", "expects.files.a: string should match pattern"),
    ],
)
def test_mistakes_in_what_is_expected_are_told(tmp_path: Path, line: str, message: str) -> None:
    file = write_task(tmp_path)
    file.write_text(f"{file.read_text()}{line}\n")
    problems = Catalogue([tmp_path], installed()).problems(file)
    assert any(message in str(problem) for problem in problems), problems
