"""The tutorials' plugins as real packages: built, installed in an environment of their own, used from an empty folder.

tests/test_docs.py follows every block of the tutorials; here `pip install` and entry points are what users meet.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.test_docs import ROOT, blocks, commands, small

TUTORIALS = ROOT / "docs" / "tutorials"
PROGRAMS = {"geopix-eval": "harness.cli", "geopix": "geopix.cli"}
SHOWN_ELSEWHERE = {"leaderboard", "diff", "show"}
PLUGINS = {"write-a-parser": "choice-letters", "write-a-metric": "area-error", "write-a-model": "blue-model"}


def run(command: Sequence[object], cwd: Path) -> subprocess.CompletedProcess[str]:
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GEOPIX_DATA"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    words = list(map(str, command))
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment; this checkout and its dependencies are found there, but not its plugins."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "checkout.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    return folder / "bin" / "python"


class Workshop:
    """An empty folder in which a tutorial is done with an environment's Python."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder, self.python = folder, python

    def follow(self, tutorial: Path) -> None:
        for block in blocks(tutorial):
            if title := block.settings.get("title"):
                (self.folder / title).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / title).write_text(block.text, "utf-8")
            elif block.language == "sh":
                for words in commands(block.text):
                    self._command(words, int(block.settings.get("exit", 0)))

    def _command(self, words: list[str], expected: int) -> None:
        if words[:2] == ["pip", "install"]:
            self._install(self.folder / words[-1])
            return
        if words[1] in SHOWN_ELSEWHERE:
            return
        module = PROGRAMS[words[0]]
        program = f"import sys; from {module} import main; sys.argv[0] = {words[0]!r}; main()"
        done = run([self.python, "-c", program, *small(words[1:])], self.folder)
        assert done.returncode == expected, f"{words}: {done.stdout}{done.stderr}"

    def _install(self, source: Path) -> None:
        """Builds the package without network and installs its wheel."""
        wheels = self.folder / "wheels"
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels]
        assert run(build, source).returncode == 0
        (wheel,) = wheels.glob("*.whl")
        pip = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", "--quiet"]
        installed = run([*pip, "install", "--no-deps", "--no-index", wheel], self.folder)
        assert installed.returncode == 0, installed.stderr


@pytest.mark.parametrize(("tutorial", "package"), PLUGINS.items(), ids=PLUGINS)
def test_a_plugin_in_a_package_of_its_own_takes_part(tutorial: str, package: str, python: Path, tmp_path: Path) -> None:
    Workshop(tmp_path, python).follow(TUTORIALS / f"{tutorial}.md")
    module = package.replace("-", "_")
    place = run([python, "-c", f"import {module}; print({module}.__file__)"], tmp_path).stdout.strip()
    assert Path(place).is_relative_to(python.parents[1]), "installed, not found beside the tutorial"


def test_the_parsers_own_test_passes(tmp_path: Path) -> None:
    sources = {
        block.settings["title"]: block.text
        for block in blocks(TUTORIALS / "write-a-parser.md")
        if "title" in block.settings
    }
    for title, text in sources.items():
        (tmp_path / title).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / title).write_text(text, "utf-8")
    program = "import test_parser; test_parser.test_letters_are_read_and_doubt_is_not()"
    search = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    done = run([sys.executable, "-c", search + program], tmp_path / "choice-letters")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tutorial", ["add-a-benchmark", *PLUGINS])
def test_the_tutorials_are_linked_from_the_documents(tutorial: str) -> None:
    assert f"tutorials/{tutorial}.md" in (ROOT / "docs" / "extend.md").read_text("utf-8")
