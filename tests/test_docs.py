"""The documents do what they say: their commands run, their examples work, their links lead somewhere.

Each document is a script. Its blocks are done from top to bottom in an empty folder: a block with title="PATH" is
written to that file, commands and Python are run, and a block with output=yes holds lines of the last command's output.
A block with whole=yes is run as it stands, and makes its document a slow one: elsewhere Mini Earth is kept small, and
four kinds of commands are only checked: `pip install` (the extras exist), `geopix train` (the recipe and its overrides
are right), `geopix serve` (its options) and `make` other than `make demo`.
"""

import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement

from geopix.cli import main as geopix
from geopix.mini import MINI
from geopix.serving.command import serve_command
from geopix.training.command import train_command
from geopix.training.recipe import load_recipe
from harness.catalog import Catalogue, shipped
from harness.cli import main as geopix_eval
from harness.plugins import installed

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SCRIPTS = [path for path in DOCUMENTS if path.name not in ("commands.md", "benchmarks.md")]
WHOLE = "whole=yes"
FENCE = re.compile(r"^```(\w*)(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SETTING = re.compile(r'(\w+)="?([^"\s]+)"?')
LANGUAGES = {"sh", "python", "yaml", "toml", "json", "text"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    language: str
    settings: dict[str, str]
    text: str
    line: int


def blocks(path: Path) -> Iterator[Block]:
    text = path.read_text("utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(found[1], dict(SETTING.findall(found[2])), found[3], line)


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text("utf-8"))


def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return loaded


def names(requirements: list[str]) -> set[str]:
    return {Requirement(requirement).name.lower() for requirement in requirements}


def is_task(text: str) -> bool:
    """Whether YAML holds a task; a recipe has a name too, and a base."""
    content = yaml.safe_load(text)
    return "name" in content and "base" not in content


class Reader:
    """Does what a document says, in one folder.

    Args:
        folder: an empty folder, the working directory already.
        monkeypatch: puts plugins of the document on the import path.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.namespace: dict[str, Any] = {"__name__": "document"}
        self.left_out: list[str] = []
        self.output = ""

    def follow(self, block: Block) -> None:
        if title := block.settings.get("title"):
            self._write(Path(title), block)
        elif block.language == "sh":
            run = self._invoke if "whole" in block.settings else self._run
            for command in commands(block.text):
                run(command, int(block.settings.get("exit", 0)))
        elif block.language == "python":
            self._python(block.text)
        elif "output" in block.settings:
            assert [line for line in block.text.splitlines() if line not in self.output] == []

    def _write(self, path: Path, block: Block) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")
        if block.language == "yaml" and "wrong" not in block.settings and is_task(block.text):
            self.namespace.setdefault("__tasks__", []).append(path)

    def check_tasks(self) -> None:
        """Every task file of the document is right."""
        for path in self.namespace.get("__tasks__", []):
            catalogue = Catalogue([shipped("tasks"), path.parent], installed())
            assert [str(problem) for problem in catalogue.problems(path)] == []

    def _python(self, text: str) -> None:
        if "from_pretrained(" in text and not MINI.is_dir():
            self.left_out.append("a Python example")
        elif ">>>" in text:
            test = doctest.DocTestParser().get_doctest(text, self.namespace, "document", None, 0)
            report: list[str] = []
            failed = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append).failed
            assert not failed, "".join(report)
        else:
            exec(compile(text, "document", "exec"), self.namespace)

    def _run(self, words: list[str], expected: int) -> None:
        match [word.removeprefix(".venv/bin/") for word in words]:
            case ["make", "demo"]:
                for command in demo_commands(self.folder):
                    self._run(command, 0)
            case ["make", target]:
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), target
            case ["pip", "install", *rest]:
                self._install(rest)
            case ["python", script, *_]:
                assert (ROOT / script).is_file(), script
            case ["geopix", "train", *rest] | ["torchrun", _, _, "-m", "geopix", "train", *rest]:
                settings = train_command.make_context("train", rest).params
                load_recipe(settings["recipe"], settings["overrides"])
            case ["accelerate", "launch", "--config_file", file, "-m", "geopix", "train", *rest]:
                assert (ROOT / file).is_file(), file
                load_recipe(train_command.make_context("train", rest).params["recipe"])
            case ["geopix", "serve", *rest]:  # tests/geopix/serving starts it
                serve_command.make_context("serve", rest)
            case ["geopix" | "geopix-eval" as program, *rest]:
                self._invoke([program, *small(rest)], expected)
            case other:
                pytest.fail(f"the test does not know the command {shlex.join(other)}")

    def _invoke(self, words: list[str], expected: int) -> None:
        program, *rest = words
        if ("geopix-mini" in rest or rest[:1] in (["predict"], ["train"])) and not MINI.is_dir():
            self.left_out.append(shlex.join(words))
            return
        command: click.Command = geopix if program == "geopix" else geopix_eval
        result = CliRunner().invoke(command, rest)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.output = result.output
        assert result.exit_code == expected, f"{shlex.join(words)}: {result.output}"

    def _install(self, words: list[str]) -> None:
        place = Path(words[-1])
        if (place / "pyproject.toml").is_file():
            self._install_plugin(place)
            return
        for word in words:
            if extras := re.fullmatch(r"\.\[([\w,]+)\]", word):
                assert set(extras[1].split(",")) <= set(project()["optional-dependencies"]), word

    def _install_plugin(self, place: Path) -> None:
        """What an editable installation comes to: the folder on the path, and the entry points beside it."""
        plugin = tomllib.loads((place / "pyproject.toml").read_text("utf-8"))["project"]
        points = [
            line
            for group, entries in plugin["entry-points"].items()
            for line in (f"[{group}]", *(f"{name} = {module}" for name, module in entries.items()))
        ]
        information = self.folder / "site" / f"{plugin['name'].replace('-', '_')}-{plugin['version']}.dist-info"
        information.mkdir(parents=True)
        (information / "entry_points.txt").write_text("\n".join(points) + "\n", "utf-8")
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {plugin['name']}\nVersion: {plugin['version']}\n", "utf-8"
        )
        self.monkeypatch.syspath_prepend(str(information.parent))
        self.monkeypatch.syspath_prepend(str(place.resolve()))
        installed.cache_clear()


def commands(text: str) -> list[list[str]]:
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def demo_commands(folder: Path) -> list[list[str]]:
    """What `make demo` runs once the environment is there."""
    arguments = ["make", "--dry-run", "--file", str(ROOT / "Makefile"), "--old-file", ".venv/.model", "demo"]
    shown = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=True).stdout
    return [words for words in commands(shown) if words[0].startswith(".venv/bin/geopix")]


def small(words: list[str]) -> list[str]:
    """The same command for a few small images, drawn in this process alone."""
    if words[:2] != ["earth", "make"]:
        return words
    fewest = "3" if "--splits" in words else "10"
    return [*words, "--images", fewest, "--size", "96", "--workers", "1"]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GEOPIX_DATA", raising=False)
    known = set(sys.modules)
    yield Reader(tmp_path, monkeypatch)
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    installed.cache_clear()


def script(path: Path) -> Any:
    """A document to follow; slow when it holds blocks that are run as they stand."""
    marks = [pytest.mark.slow] if WHOLE in path.read_text("utf-8") else []
    return pytest.param(path, marks=marks, id=path.name)


@pytest.mark.parametrize("path", [script(path) for path in SCRIPTS])
def test_documents_can_be_followed(path: Path, reader: Reader) -> None:
    for block in blocks(path):
        try:
            reader.follow(block)
        except BaseException as error:
            error.add_note(f"{path.name}, line {block.line}")
            raise
    reader.check_tasks()
    if reader.left_out:
        pytest.skip(f"all ran but what needs geopix/mini/checkpoint: {'; '.join(reader.left_out)}")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_names_a_language_that_is_tested(path: Path) -> None:
    assert {block.language for block in blocks(path)} <= LANGUAGES
    assert path.read_text("utf-8").count("\n```") == 2 * len(list(blocks(path)))


def anchors(path: Path) -> set[str]:
    """The headings as GitHub names them: a second one of a name gets -1."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(next(word for number in count() if (word := f"{name}-{number}" if number else name) not in found))
    return found


@pytest.mark.parametrize(
    ("path", "link"),
    [
        pytest.param(path, link, id=f"{path.name}-{link}")
        for path in DOCUMENTS
        for link in dict.fromkeys(LINK.findall(prose(path)))
        if not link.startswith("http")
    ],
)
def test_links_lead_somewhere(path: Path, link: str) -> None:
    place, _, anchor = link.partition("#")
    target = path.parent / place if place else path
    assert target.exists()
    assert not anchor or anchor in anchors(target)


MEASURED = re.compile(
    r"\d\s?(?:%|percent\b|s\b|ms\b|seconds?\b|minutes?\b|min\b|hours?\b|[kMG]B\b)|\btimes (?:faster|slower)\b"
)
CODE = re.compile(r"`[^`]*`")
COMMAND = re.compile(r"`(?:make|geopix|geopix-eval|python|pytest) [^`]+`")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_measurement_stands_beside_its_command(path: Path) -> None:
    for paragraph in re.split(r"\n\n|\n(?=\||- )", prose(path)):
        # 95 % is the level of the intervals, no measurement.
        stated = MEASURED.search(CODE.sub("", paragraph).replace("95 %", ""))
        assert not stated or COMMAND.search(paragraph), f"{stated[0]!r} without the command that gives it: {paragraph}"


@pytest.mark.parametrize("words", ["It takes 3 minutes.", "It reaches 85 %.", "It is 4 times faster.", "It has 16 MB."])
def test_measurements_are_recognised(words: str) -> None:
    assert MEASURED.search(words)
    assert not COMMAND.search(words)
    assert COMMAND.search(f"{words} `make demo` shows it.")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert written == generator().page(), "run: python scripts/generate_docs.py"


def test_the_page_of_benchmarks_is_what_the_task_files_say() -> None:
    written = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    assert written == generator().benchmarks(), "run: python scripts/generate_docs.py"
    for file in shipped("tasks").glob("*.yaml"):
        assert f"| `{file.stem}`" in written


def test_the_page_of_commands_has_every_option_and_part() -> None:
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    for option in ("--tasks", "--fail-on-error", "--map", "--samples", "--memory-class", "--splits", "--output"):
        assert f"`{option}" in written or f", {option} " in written
    plugins = installed()
    for registry in (plugins.readers, plugins.parsers, plugins.metrics, plugins.models):
        for name in registry.places:
            assert f"#### `{name}`" in written


def test_the_notices_name_every_dependency_at_run_time() -> None:
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text("utf-8").lower()
    extras = project()["optional-dependencies"]
    needed = names(project()["dependencies"]).union(*(names(extras[extra]) for extra in extras if extra != "dev"))
    assert {name for name in needed - {"geopix"} if f"| {name} |" not in notices} == set()


def test_metrics_page_names_every_metric_and_preset() -> None:
    from harness.metrics import grounding_rules
    from harness.metrics.segmentation_rules import PRESETS

    written = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    for name in (*installed().metrics.places, *PRESETS, *grounding_rules.PRESETS, "geochat"):
        assert f"`{name}`" in written
