"""The harness alone: what its commands import, and that they run where there is no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.catalog import shipped
from harness.store import RunDirectory
from tests.harness.comparison.runs import write_run
from tests.harness.report import factory
from tests.harness.small_data import write_data, write_task

HEAVY = {"torch", "transformers", "pandas", "scipy", "matplotlib", "datasets", "pyarrow", "accelerate", "peft"}
RUN = """
import runpy, sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    '''As if these packages were not installed.'''
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {heavy!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

if {absent!r}:
    sys.meta_path.insert(0, Absent())
from harness.cli import main
code = 0
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
sys.exit(code)
"""


def imported(arguments: list[str], cwd: Path, absent: bool) -> set[str]:
    program = RUN.format(heavy=HEAVY, absent=absent)
    environment = {"PYTHONPATH": str(Path.cwd()), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("light")
    write_data(folder / "data")
    write_task(folder)
    write_run(folder / "base", 70)
    run = RunDirectory(folder / "earlier")
    run.open(factory.manifest("model", folder / "data"))
    records = factory.vqa_records(20, 0.8, seed=1)
    run.records_path("small").parent.mkdir()
    run.close_task(factory.result("small", [factory.OA], records), records)
    return folder


COMMANDS = {
    "help": ["--help"],
    "ls": ["ls"],
    "show": ["show", "rrsis"],
    "validate": ["validate", str(shipped("tasks"))],
    "run": ["--tasks", "small.yaml", "--model", "baseline:constant", "--output", "run"],
    "leaderboard": ["leaderboard", "earlier"],
    "compare": ["compare", "base", "base"],
    "bless": ["bless", "base"],
    "new": ["new", "fresh_{turn}", "--like", "rrsis"],
    "data status": ["data", "status", "--data-dir", "data"],
    "show a sample": ["show", "earlier", "q1"],
    "diff": ["diff", "earlier", "earlier"],
    "rescore": ["rescore", "earlier", "--task-dir", ".", "-o", "again", "--fail-on-error", "never"],
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("absent", [False, True], ids=["installed", "absent"])
def test_no_command_of_the_harness_needs_torch(name: str, absent: bool, place: Path) -> None:
    command = [word.format(turn=int(absent)) for word in COMMANDS[name]]
    assert not imported(command, place, absent) & HEAVY


@pytest.mark.parametrize("name", ["help", "ls"])
def test_the_first_commands_do_not_wait_for_numpy(name: str, place: Path) -> None:
    assert not imported(COMMANDS[name], place, absent=False) & {"numpy", "pydantic", "jinja2", "rich", "PIL"}
